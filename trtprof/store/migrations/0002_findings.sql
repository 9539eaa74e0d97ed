-- What a report over several runs needs. NULL in runs that were imported before: it was not kept then.
ALTER TABLE layer ADD COLUMN has_matmul INTEGER;
ALTER TABLE layer ADD COLUMN kernel_unit TEXT;

CREATE TABLE finding (
    run_id          TEXT NOT NULL,
    engine          TEXT NOT NULL,
    position        INTEGER NOT NULL,
    code            TEXT NOT NULL,
    title           TEXT NOT NULL,
    severity        TEXT NOT NULL,
    cause           TEXT NOT NULL,
    cure            TEXT NOT NULL,
    saving_low_ns   REAL,
    saving_mid_ns   REAL,
    saving_high_ns  REAL,
    provenance      TEXT NOT NULL,
    PRIMARY KEY (run_id, position),
    FOREIGN KEY (run_id, engine) REFERENCES engine (run_id, name) ON DELETE CASCADE
) STRICT;
