-- How many bytes a payload may have.
select value::bigint as bytes from settings where key = 'payload_limit'
