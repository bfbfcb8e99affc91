-- The definitions of a host of which others declare something else, with those others.
--   $1 host text   $2 names text[]
select mine.definition, string_agg(other.host, ', ' order by other.host) as hosts
  from declarations mine
  join declarations other on other.definition = mine.definition and other.hash <> mine.hash
 where mine.host = $1::text and mine.definition = any ($2::text[])
 group by mine.definition
 order by mine.definition
