-- People on contact lists, by address, and what they want: `unsubscribed` (0 or 1) from everything, and a JSON object
-- with their choice for each topic about which they have said something. `attributes` is the caller's own text.
CREATE TABLE contacts (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    list TEXT NOT NULL,
    address TEXT NOT NULL,
    unsubscribed BIGINT NOT NULL,
    preferences TEXT NOT NULL,
    attributes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, list, address)
) $compact;
