-- Pause one definition; the rules are those of the function.
--   $1 name text   $2 until timestamptz   $3 or so many milliseconds from now bigint   $4 reason text
-- The columns of current_pause.
select pause_definition(name => $1::text, until => request.until, reason => $4::text) as paused_since,
       request.until as paused_until, $4::text as pause_reason, session_user as paused_by
  from (select coalesce($2::timestamptz, now() + $3::bigint * interval '1 millisecond') as until) as request
