-- Back from the handler's statement to the queue's tables, within the same transaction.
--   $1 schema text   $2 execution id text
-- Answers whether it is the same: what was set locally ends with the transaction, also with COMMIT AND CHAIN. And which it is.
select current_setting('schedctl.execution_id', true) = $2::text as same, pg_current_xact_id()::text as transaction,
       set_config('role', 'none', true),
       set_config('search_path', quote_ident($1::text) || ', pg_temp', true),
       set_config('statement_timeout', '30s', true), set_config('lock_timeout', '5s', true)
