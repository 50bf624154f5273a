-- What messages are found by is parted as they are: whole weeks go at once.
DO $$
DECLARE
    week CONSTANT BIGINT := 604800000;
    start BIGINT;
BEGIN
    ALTER TABLE message_terms RENAME TO message_terms_before;
    CREATE TABLE message_terms (LIKE message_terms_before INCLUDING DEFAULTS) PARTITION BY RANGE (week_at);
    CREATE TABLE message_terms_rest PARTITION OF message_terms DEFAULT;
    FOR start IN SELECT DISTINCT week_at FROM message_terms_before LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF message_terms FOR VALUES FROM (%s) TO (%s)',
            'message_terms_' || to_char(to_timestamp(start / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD'), start, start + week
        );
    END LOOP;
    INSERT INTO message_terms SELECT * FROM message_terms_before;
    DROP TABLE message_terms_before;
END
$$;
ALTER TABLE message_terms ADD PRIMARY KEY (week_at, account, region, term, accepted_at, message_id);
