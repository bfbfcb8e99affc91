-- Producers need the right to call functions and none on tables: the functions check what they store and write down who
-- called them (session_user). Each keeps its search_path, which ends in pg_temp, so that nobody can put a table of their own
-- in the way.
do $$
declare
  producer regprocedure;
begin
  for producer in
    select oid from pg_proc
     where pronamespace = quote_ident(current_schema())::regnamespace
       and proname in ('enqueue', 'enqueue_many', 'cancel', 'retry', 'pause', 'resume')
  loop
    execute format('alter function %s security definer', producer);
  end loop;
end $$;
