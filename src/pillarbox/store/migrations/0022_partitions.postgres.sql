-- What grows with every message is parted by time: tables keyed by MessageId by what the id begins with (region and
-- time), the log by when an event was recorded. Rows that have no part of their own lie in the part `…_rest`. Later
-- parts are made by store/partitions.py; the rows that are there move into parts of a week, at perhaps a million
-- messages a minute, while everybody waits.
DO $$
DECLARE
    week CONSTANT BIGINT := 604800000;
    keyed CONSTANT TEXT[] := ARRAY['messages', 'recipients', 'captures', 'conversations', 'first_hits'];
    parted TEXT;
    code TEXT;
    number BIGINT;
    since TEXT;
BEGIN
    ALTER SEQUENCE events_seq_seq RENAME TO events_before_seq;
    FOREACH parted IN ARRAY keyed || 'events'::TEXT LOOP
        EXECUTE format('ALTER TABLE %I RENAME TO %I', parted, parted || '_before');
        EXECUTE format(
            'CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING IDENTITY) PARTITION BY RANGE (%I)',
            parted, parted || '_before', CASE parted WHEN 'events' THEN 'recorded_at' ELSE 'message_id' END
        );
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', parted || '_rest', parted);
    END LOOP;
    FOR code, number IN
        SELECT DISTINCT left(message_id, 4), ('x' || substr(message_id, 5, 12))::BIT(48)::BIGINT / week
        FROM messages_before WHERE message_id ~ '^[0-9a-f]{16}-'
    LOOP
        since := to_char(to_timestamp(number * week / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD');
        FOREACH parted IN ARRAY keyed LOOP
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                parted || '_' || code || '_' || since, parted,
                code || lpad(to_hex(number * week), 12, '0'), code || lpad(to_hex((number + 1) * week), 12, '0')
            );
        END LOOP;
    END LOOP;
    FOR number IN SELECT DISTINCT recorded_at / week FROM events_before LOOP
        since := to_char(to_timestamp(number * week / 1000) AT TIME ZONE 'UTC', 'YYYYMMDD');
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%s) TO (%s)',
            'events_' || since, number * week, (number + 1) * week
        );
    END LOOP;
    PERFORM setval(pg_get_serial_sequence('events', 'seq'), last_value, is_called) FROM events_before_seq;
    FOREACH parted IN ARRAY keyed || 'events'::TEXT LOOP
        EXECUTE format(
            'INSERT INTO %I OVERRIDING SYSTEM VALUE SELECT * FROM %I', parted, parted || '_before'
        );
        EXECUTE format('DROP TABLE %I', parted || '_before');
    END LOOP;
END
$$;

ALTER TABLE messages ADD PRIMARY KEY (message_id);
CREATE INDEX messages_by_time ON messages (account, region, accepted_at, message_id);
CREATE INDEX messages_by_send ON messages (send_id, message_id) WHERE send_id <> message_id;
ALTER TABLE recipients ADD PRIMARY KEY (message_id, number);
CREATE INDEX recipients_by_address ON recipients (account, region, address, accepted_at);
ALTER TABLE captures ADD PRIMARY KEY (message_id, part);
ALTER TABLE conversations ADD PRIMARY KEY (message_id, part, attempt, place);
ALTER TABLE first_hits ADD PRIMARY KEY (message_id, recipient, mark);
-- `seq` is unique by itself; in this order the key is also the order in which followers read.
ALTER TABLE events ADD PRIMARY KEY (tx, seq, recorded_at);
CREATE INDEX events_by_message ON events (message_id, seq);
