-- The second wall: a role that reads, and only what a scope lets it read. The scope of a transaction is a capability
-- that is signed outside the database, for one backend and a short time: whoever can only write SQL can neither make
-- one nor widen one. Checked with what PostgreSQL has (HMAC-SHA-256 out of sha256), without writing a row, so that it
-- works on a standby too. See docs/decisions/0011-scope.md.

do $$
begin
    if not exists (select from pg_roles where rolname = 'kyc_reader') then
        create role kyc_reader nologin;
    end if;
exception when duplicate_object or unique_violation then null;
end $$;

create schema kyc_scope;

-- The two padded keys of HMAC (RFC 2104), put there by the owner; nobody else reads them.
create table kyc_scope.capability (
    one boolean primary key default true check (one),
    inner_pad bytea not null check (length(inner_pad) = 64),
    outer_pad bytea not null check (length(outer_pad) = 64)
);

-- What the transaction's capability says, null where there is none that fits: mac ‖ pid|backend start|expiry|branches.
create function kyc_scope.said() returns text
    language sql stable security definer set search_path = pg_catalog as $$
    select case when pid = pg_backend_pid()::text
        and start = (select (extract(epoch from backend_start) * 1000000)::bigint::text
                     from pg_stat_get_activity(pg_backend_pid()))
        and expiry::bigint > extract(epoch from clock_timestamp()) * 1000000 then branches end
    from (
        select split_part(body, '|', 1), split_part(body, '|', 2), split_part(body, '|', 3), split_part(body, '|', 4)
        from (select substr(token, 1, 64), substr(token, 65)
              from (select current_setting('kyc.scope', true)) as t (token)) as parts (mac, body)
        join kyc_scope.capability k
            on mac = encode(sha256(k.outer_pad || sha256(k.inner_pad || convert_to(body, 'UTF8'))), 'hex')
    ) as fits (pid, start, expiry, branches)
$$;

create function kyc_scope.everything() returns boolean
    language sql stable security definer set search_path = pg_catalog as $$
    select coalesce(kyc_scope.said() = '*', false)
$$;

create function kyc_scope.branches() returns text[]
    language sql stable security definer set search_path = pg_catalog as $$
    select string_to_array(nullif(kyc_scope.said(), '*'), chr(31))
$$;

-- Parts of an event's context (docs/format.md): schema, then texts with a length byte each.
create function kyc_scope.topic_of(context bytea) returns text
    language sql immutable strict set search_path = pg_catalog as $$
    select convert_from(substring(context from 4 for get_byte(context, 2)), 'UTF8')
$$;

create function kyc_scope.branch_of(context bytea) returns text
    language sql immutable strict set search_path = pg_catalog as $$
    select convert_from(substring(context from 6 + topic + get_byte(context, 3 + topic)
        for get_byte(context, 4 + topic + get_byte(context, 3 + topic))), 'UTF8')
    from (select get_byte(context, 2)) as l (topic)
$$;

-- Events for readers: those recorded at the branches of the scope, without what a branch may not know of.
create view kyc_scope.event with (security_barrier = true) as
select position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment, hash, digest, context, state
from kyc.event
where (select kyc_scope.everything())
    or (kyc_scope.branch_of(context) = any ((select kyc_scope.branches())::text[])
        and kyc_scope.topic_of(context)
            !~ '^(access|alert|case|disposal|hold|large_value|operator|order|report|retention|screening|ticket)\.');

revoke all on all functions in schema kyc_scope from public;
grant usage on schema kyc_scope to kyc_reader, kyc_service;
grant execute on function kyc_scope.everything, kyc_scope.branches to kyc_reader, kyc_service;
grant execute on function kyc_scope.topic_of, kyc_scope.branch_of to kyc_reader;
grant select on kyc_scope.event to kyc_reader;
