-- What the roll-up of scripts/quickstart writes to. Can be run again.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS app;
CREATE TABLE IF NOT EXISTS app.execution_rollup (
  day date NOT NULL,
  job_type text NOT NULL,
  status text NOT NULL,
  executions bigint NOT NULL,
  total_ms bigint NOT NULL,
  PRIMARY KEY (day, job_type, status)
);
