-- Recipients are found by the terms of their messages, or by the message. Addresses come in no order: to keep them in one
-- cost more the more there were.
DROP INDEX recipients_by_address;
