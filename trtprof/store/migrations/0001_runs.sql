-- Times in ns, sizes in bytes. Modelled times fill low, mid and high; measured ones mid alone.
CREATE TABLE run (
    id              TEXT PRIMARY KEY,
    created         TEXT NOT NULL,
    model           TEXT NOT NULL,
    model_sha256    TEXT,
    target          TEXT NOT NULL,
    device          TEXT NOT NULL,
    backend         TEXT NOT NULL,
    tool            TEXT NOT NULL,
    tool_version    TEXT NOT NULL,
    calibration     TEXT NOT NULL,
    verdict         TEXT NOT NULL,
    winner          TEXT,
    capture         TEXT NOT NULL
) STRICT;

CREATE TABLE engine (
    run_id              TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    name                TEXT NOT NULL,
    position            INTEGER NOT NULL,
    precision           TEXT,
    remainder           TEXT,
    unknown             TEXT,
    row_count           INTEGER,
    plan_bytes          INTEGER,
    build_ns            INTEGER,
    activation_bytes    INTEGER,
    provenance          TEXT,
    total_low_ns        REAL,
    total_mid_ns        REAL,
    total_high_ns       REAL,
    latency_median_ns   REAL,
    latency_p99_ns      REAL,
    PRIMARY KEY (run_id, name)
) STRICT;

CREATE TABLE layer (
    run_id          TEXT NOT NULL,
    engine          TEXT NOT NULL,
    position        INTEGER NOT NULL,
    name            TEXT NOT NULL,
    type            TEXT,
    kind            TEXT NOT NULL,
    operand_dtype   TEXT,
    result_dtype    TEXT,
    read_bytes      INTEGER,
    written_bytes   INTEGER,
    constant_bytes  INTEGER NOT NULL,
    flops           INTEGER,
    time_low_ns     REAL,
    time_mid_ns     REAL,
    time_high_ns    REAL,
    node_group      INTEGER,
    epilogue_of     TEXT,
    tactic          TEXT,
    PRIMARY KEY (run_id, engine, position),
    FOREIGN KEY (run_id, engine) REFERENCES engine (run_id, name) ON DELETE CASCADE
) STRICT;

CREATE TABLE layer_node (
    run_id      TEXT NOT NULL,
    engine      TEXT NOT NULL,
    position    INTEGER NOT NULL,
    node        TEXT NOT NULL,
    added       INTEGER NOT NULL,
    PRIMARY KEY (run_id, engine, position, node),
    FOREIGN KEY (run_id, engine, position) REFERENCES layer (run_id, engine, position) ON DELETE CASCADE
) STRICT;

CREATE TABLE conversion (
    run_id      TEXT NOT NULL,
    engine      TEXT NOT NULL,
    position    INTEGER NOT NULL,
    what        TEXT NOT NULL,
    from_dtype  TEXT,
    to_dtype    TEXT,
    bytes_moved INTEGER,
    reason      TEXT NOT NULL,
    removable   INTEGER,
    PRIMARY KEY (run_id, engine, position),
    FOREIGN KEY (run_id, engine, position) REFERENCES layer (run_id, engine, position) ON DELETE CASCADE
) STRICT;

CREATE TABLE accuracy (
    run_id                  TEXT NOT NULL,
    engine                  TEXT NOT NULL,
    output                  TEXT NOT NULL,
    samples                 INTEGER NOT NULL,
    cosine                  REAL,
    sqnr_db                 REAL,
    max_abs_error           REAL,
    top1_agreement_ratio    REAL,
    PRIMARY KEY (run_id, engine, output),
    FOREIGN KEY (run_id, engine) REFERENCES engine (run_id, name) ON DELETE CASCADE
) STRICT;
