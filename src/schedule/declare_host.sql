-- A host declares these definitions and no others.
--   $1 host text   $2 names text[]   $3 their hashes text[]
with gone as (
  delete from declarations where host = $1::text and definition <> all ($2::text[])
)
insert into declarations (definition, host, hash)
select n.name, $1::text, n.hash from unnest($2::text[], $3::text[]) as n (name, hash)
on conflict (definition, host) do update set hash = excluded.hash, declared_at = now()
 where declarations.hash <> excluded.hash
