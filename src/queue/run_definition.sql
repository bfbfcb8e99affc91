-- Make one job of a definition now; the rules are those of the function.
--   $1 name text   $2 payload text (null: its own)
select run_definition($1::text, $2::text)
