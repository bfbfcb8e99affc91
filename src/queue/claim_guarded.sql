-- Claim due jobs of one priority that may have to wait for others: of the class guarded, with the open ones of limited
-- types; or of the class interrupted, which may belong to groups and have limits too. To be run behind lock_guarded.sql.
--   $1 now timestamptz (the tick's clock)   $2 worker bigint   $3 token uuid   $4 limit integer
--   $5 job types text[], with for each $6 integer[]: its handler's concurrency_limit, null for none
--   $7 priority smallint   $8 claim class smallint: 1 guarded, 2 interrupted
--   $9 with payload boolean: those that take little room; payload.sql brings the others   $10 window integer: so many of a type's first jobs are looked at
-- Of each group the first, unless one of it runs; of limited definitions and types so many as may run beside those that
-- do. When jobs that have to wait fill the window and leave few to run, the lanes are walked, one look into the index for
-- each.
-- Indexes: job_queue_due, job_queue_lanes, job_queue_group, job_queue_limited.
with recursive level as materialized (
  select l.job_type, l.most - (select count(*) from job_queue r
                                where r.locked_by is not null and r.limited and r.job_type = l.job_type) as free
    from unnest($5::text[], $6::integer[]) as l (job_type, most)
), line as materialized (
  select waiting.*
    from level
   cross join lateral (
     (select q.ctid as place, q.id, q.scheduled_for, q.job_type, q.group_key,
             case when q.limited then q.definition_id end as definition_id
        from job_queue q
       where q.status = 'pending' and q.claim_class = $8::smallint
         and q.job_type = level.job_type and q.priority = $7::smallint and q.scheduled_for <= $1::timestamptz
       order by q.scheduled_for, q.id limit $10::integer)
     union all
     (select q.ctid, q.id, q.scheduled_for, q.job_type, null, null
        from job_queue q
       where level.free is not null and $8::smallint = 1 and q.status = 'pending' and q.claim_class = 0
         and q.job_type = level.job_type and q.priority = $7::smallint and q.scheduled_for <= $1::timestamptz
       order by q.scheduled_for, q.id limit least(level.free, $4::integer))) as waiting
   where level.free is null or level.free > 0
), saturated as materialized (
  select r.definition_id as id from job_queue r
   where r.locked_by is not null and r.limited and r.definition_id is not null
   group by r.definition_id
  having count(*) >= (select d.concurrency_limit from job_definitions d where d.id = r.definition_id)
), front as materialized (
  select *
    from (select *, row_number() over (partition by group_key collate "C" order by scheduled_for, id) as nth from line) l
   where (l.group_key is null
          or l.nth = 1 and not exists (select from job_queue r where r.locked_by is not null and r.group_key = l.group_key))
     and not exists (select from saturated where saturated.id = l.definition_id)
), jammed as materialized (
  select job_type from line where $8::smallint = 1 and (group_key is not null or definition_id is not null)
   group by job_type
  having count(*) >= $10::integer
     and (select count(*) from (select distinct f.group_key, f.definition_id from front f
                                 where f.job_type = line.job_type) as lane) < greatest(1, $4::integer / 4)
), hop (lane, place, id, scheduled_for, job_type, group_key, definition_id, hops, free) as (
  -- On to the next lane until enough can run, and some way further, so that the longest overdue are among them.
  select head.*, 1, case when head.scheduled_for <= $1::timestamptz
               and not exists (select from job_queue r where r.locked_by is not null and r.group_key = head.group_key)
               and not exists (select from saturated where saturated.id = head.definition_id) then 1 else 0 end
    from jammed
   cross join lateral (
     select coalesce('group ' || q.group_key, 'definition ' || q.definition_id, '') as lane, q.ctid as place, q.id,
            q.scheduled_for, q.job_type, q.group_key, case when q.limited then q.definition_id end as definition_id
       from job_queue q
      where q.status = 'pending' and q.claim_class = 1
        and q.job_type = jammed.job_type and q.priority = $7::smallint
      order by coalesce('group ' || q.group_key, 'definition ' || q.definition_id, ''), q.scheduled_for, q.id
      limit 1) as head
  union all
  select head.*, hop.hops + 1, hop.free + case when head.scheduled_for <= $1::timestamptz
               and not exists (select from job_queue r where r.locked_by is not null and r.group_key = head.group_key)
               and not exists (select from saturated where saturated.id = head.definition_id) then 1 else 0 end
    from hop
   cross join lateral (
     select coalesce('group ' || q.group_key, 'definition ' || q.definition_id, '') as lane, q.ctid as place, q.id,
            q.scheduled_for, q.job_type, q.group_key, case when q.limited then q.definition_id end as definition_id
       from job_queue q
      where q.status = 'pending' and q.claim_class = 1
        and q.job_type = hop.job_type and q.priority = $7::smallint
        and coalesce('group ' || q.group_key, 'definition ' || q.definition_id, '') > hop.lane
      order by coalesce('group ' || q.group_key, 'definition ' || q.definition_id, ''), q.scheduled_for, q.id
      limit 1) as head
   where hop.hops < 5000 or hop.free < $4::integer
), candidate as materialized (
  select place, id, scheduled_for, job_type, group_key, definition_id from front
  union
  select place, id, scheduled_for, job_type, group_key, definition_id from hop
   where scheduled_for <= $1::timestamptz
     and not exists (select from job_queue r where r.locked_by is not null and r.group_key = hop.group_key)
), lone as (  -- two types may each have brought a job of one group
  select *
    from (select *, row_number() over (partition by group_key order by scheduled_for, id) as nth from candidate) c
   where group_key is null or nth = 1
), definition as materialized (
  select d.id, d.concurrency_limit - (select count(*) from job_queue r
                                       where r.locked_by is not null and r.limited and r.definition_id = d.id) as free
    from job_definitions d
   where d.id = any (array(select definition_id from lone where definition_id is not null))
), of_definition as (
  select c.*, d.free, row_number() over (partition by c.definition_id order by c.scheduled_for, c.id) as place_in_definition
    from lone c left join definition d on d.id = c.definition_id
), of_type as (
  select d.*, row_number() over (partition by d.job_type order by d.scheduled_for, d.id) as place_in_type
    from of_definition d
   where d.free is null or d.place_in_definition <= d.free
), pick as (
  select t.place from of_type t join level on level.job_type = t.job_type
   where level.free is null or t.place_in_type <= level.free
   order by t.scheduled_for, t.id limit $4::integer
)
update job_queue
   set status = 'running', attempts = attempts + 1, execution_id = nextval('execution_ids'),
       locked_at = $1::timestamptz, locked_by = $2::bigint, claim_token = $3::uuid, updated_at = $1::timestamptz,
       limited = limited or job_type = any (array(select job_type from level where free is not null))
 where exists (select from workers where id = $2::bigint and lease_until > to_timestamp(0) for key share)
   and ctid = any (array(
   select q.ctid from pick join job_queue q on q.ctid = pick.place
    where q.status = 'pending' for update of q skip locked))
returning ctid as place, id, execution_id, attempts, interruptions, max_attempts, attempts_base, scheduled_for, job_type,
          timeout_ms,
          coalesce(expires_at <= $1::timestamptz, false) as expired, slot,
          case when $9::boolean then (extract(epoch from created_at) * 1000000)::bigint end as created_us,
          case when $9::boolean and pg_column_size(payload) <= 8192 then payload end as payload
