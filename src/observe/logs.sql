-- The last log lines, oldest first.
--   $1 job id bigint   $2 execution id bigint   $3 levels text[]   $4 stream text   $5 limit bigint. Null: whatever it is.
-- Returns the plain columns for people, and json: one object with the columns of job_logs.
-- Indexes: with $1 or $2 the last lines of each attempt from job_logs_execution, else job_logs_pkey backwards.
with attempt as materialized (
  select id from job_executions where job_queue_id = $1::bigint and ($2::bigint is null or id = $2::bigint)
   union
  select execution_id from job_queue
   where id = $1::bigint and execution_id is not null and ($2::bigint is null or execution_id = $2::bigint)
   union
  select $2::bigint where $1::bigint is null and $2::bigint is not null
), line as (
  (select l.*
     from attempt a
    cross join lateral (select * from job_logs
                         where job_execution_id = a.id
                           and ($3::text[] is null or level = any ($3::text[]))
                           and ($4::text is null or stream = $4::text)
                         order by id desc limit $5::bigint) l
    order by l.id desc limit $5::bigint)
   union all
  (select *
     from job_logs
    where $1::bigint is null and $2::bigint is null
      and ($3::text[] is null or level = any ($3::text[]))
      and ($4::text is null or stream = $4::text)
    order by id desc limit $5::bigint)
)
select l.job_execution_id, l.level, l.stream, l.message, l.data, at.timestamp,
       (select row_to_json(j)::text
          from (select l.id, l.job_execution_id, l.level, l.stream, l.message, l.data, at.timestamp) j) as json
  from line l
 cross join lateral (select to_char(l.timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as timestamp) at
 order by l.id
