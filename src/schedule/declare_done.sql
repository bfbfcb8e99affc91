-- A host has handed its definitions over.
--   $1 host text   $2 hash of all of them text   $3 boot id text
-- Hosts that declare what is not in force, when nobody declares what is, are to do so again: theirs is the latest now.
with again as (
  update hosts h set definitions_hash = 'again'
   where h.host <> $1::text
     and exists (select from declarations mine join job_definitions d on d.name = mine.definition
                  where mine.host = h.host and mine.hash <> d.hash
                    and not exists (select from declarations other
                                     where other.definition = d.name and other.hash = d.hash))
)
update hosts set definitions_hash = $2::text, boot_id = $3::text where host = $1::text
