-- End the pause of one definition.
--   $1 name text
select resume_definition($1::text)
