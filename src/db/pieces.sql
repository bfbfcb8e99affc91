-- What the schema consists of, a piece a row, in words. A note of it is kept at each migration, so that what is missing
-- later can be named. Columns of views come last by name: they go with those of the tables.
select case c.relkind when 'v' then 'view column ' else 'column ' end || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
       || case when a.attnotnull then ' not null' else '' end as piece
  from pg_attribute a join pg_class c on c.oid = a.attrelid
 where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0
   and not a.attisdropped
union all
select 'index ' || c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
 where c.relnamespace = quote_ident(current_schema())::regnamespace and i.indisvalid
union all
select 'constraint ' || n.conname || ' of ' || c.relname from pg_constraint n join pg_class c on c.oid = n.conrelid
 where n.connamespace = quote_ident(current_schema())::regnamespace
union all
select 'trigger ' || t.tgname || ' of ' || c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid
 where c.relnamespace = quote_ident(current_schema())::regnamespace and not t.tgisinternal and t.tgenabled <> 'D'
union all
select 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' from pg_proc p
 where p.pronamespace = quote_ident(current_schema())::regnamespace
union all
select 'sequence ' || relname from pg_class
 where relnamespace = quote_ident(current_schema())::regnamespace and relkind = 'S'
