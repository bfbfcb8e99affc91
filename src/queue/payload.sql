-- The payload of a claimed job that was too large to come with the claim; under the fence.
--   $1 job bigint   $2 execution id bigint   $3 token uuid
select payload from job_queue
 where id = $1::bigint and status = 'running' and execution_id = $2::bigint and claim_token = $3::uuid
