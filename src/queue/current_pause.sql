-- The pause that holds now; no row: none.
select paused_since, paused_until, pause_reason, paused_by from current_pause
