-- What a gate needs of a stored run: the iterations behind its latency, and how much they vary. NULL in older runs.
ALTER TABLE engine ADD COLUMN latency_what TEXT;
ALTER TABLE engine ADD COLUMN latency_iterations INTEGER;
ALTER TABLE engine ADD COLUMN latency_min_ns REAL;
ALTER TABLE engine ADD COLUMN latency_p90_ns REAL;
ALTER TABLE engine ADD COLUMN latency_max_ns REAL;
ALTER TABLE engine ADD COLUMN latency_mean_ns REAL;
ALTER TABLE engine ADD COLUMN latency_spread_ratio REAL;
ALTER TABLE engine ADD COLUMN accuracy_unknown TEXT;
PRAGMA application_id = 1953657958;
