-- The step that a program must know at least to work on this database (store/migrate.py), so that programs of the
-- release before may be started again while a rollout is under way.
ALTER TABLE schema_version ADD COLUMN oldest BIGINT NOT NULL DEFAULT 0;
