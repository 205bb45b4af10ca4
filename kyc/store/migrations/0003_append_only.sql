-- Append-only, enforced by the database. The service's role may insert and select; triggers refuse the owner too.
-- Two narrow doors are the only exceptions: destroying a data key, and emptying ciphertext whose key is destroyed.

do $$
begin
    if not exists (select from pg_roles where rolname = 'kyc_service') then
        create role kyc_service nologin;
    end if;
exception when duplicate_object or unique_violation then null;
end $$;

grant usage on schema kyc, kyc_keys to kyc_service;
grant select on kyc.log to kyc_service;
grant select, insert on kyc.event, kyc.claim, kyc.scan, kyc.segment, kyc.tile, kyc.checkpoint, kyc_keys.data_key
    to kyc_service;
grant select, insert, update on kyc.lease to kyc_service;

create function kyc.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'kyc: % on %.% is refused: the log is append-only', tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
end $$;

-- An update of ciphertext is allowed only to empty it, only when its key is destroyed, and may touch nothing else.
create function kyc.allow_emptying() returns trigger language plpgsql as $$
begin
    if length(new.state) = 0
        and to_jsonb(new) - 'state' - 'digest' = to_jsonb(old) - 'state' - 'digest'
        and exists (select from kyc_keys.data_key k
                    where k.lane = old.lane and k.id = old.data_key and k.destroyed_at is not null) then
        return new;
    end if;
    raise exception 'kyc: UPDATE on %.% is refused: only ciphertext of a destroyed key may be emptied',
        tg_table_schema, tg_table_name using errcode = 'insufficient_privilege';
end $$;

-- A data key may change once: from wrapped to destroyed.
create function kyc_keys.allow_destruction() returns trigger language plpgsql as $$
begin
    if old.destroyed_at is null and new.destroyed_at is not null and length(new.wrapped) = 0
        and to_jsonb(new) - 'wrapped' - 'destroyed_at' = to_jsonb(old) - 'wrapped' - 'destroyed_at' then
        return new;
    end if;
    raise exception 'kyc: UPDATE on kyc_keys.data_key is refused: a key can only be destroyed, once'
        using errcode = 'insufficient_privilege';
end $$;

create trigger no_change before update or delete on kyc.claim for each row execute function kyc.refuse_change();
create trigger no_change before update or delete on kyc.segment for each row execute function kyc.refuse_change();
create trigger no_change before update or delete on kyc.tile for each row execute function kyc.refuse_change();
create trigger no_change before update or delete on kyc.checkpoint for each row execute function kyc.refuse_change();
create trigger no_change before update or delete on kyc.log for each row execute function kyc.refuse_change();
create trigger no_delete before delete on kyc.event for each row execute function kyc.refuse_change();
create trigger only_emptying before update on kyc.event for each row execute function kyc.allow_emptying();
create trigger no_delete before delete on kyc.scan for each row execute function kyc.refuse_change();
create trigger only_emptying before update on kyc.scan for each row execute function kyc.allow_emptying();
create trigger no_delete before delete on kyc_keys.data_key for each row execute function kyc.refuse_change();
create trigger only_destruction before update on kyc_keys.data_key
    for each row execute function kyc_keys.allow_destruction();

create trigger no_truncate before truncate on kyc.event execute function kyc.refuse_change();
create trigger no_truncate before truncate on kyc.claim execute function kyc.refuse_change();
create trigger no_truncate before truncate on kyc.scan execute function kyc.refuse_change();
create trigger no_truncate before truncate on kyc.segment execute function kyc.refuse_change();
create trigger no_truncate before truncate on kyc.tile execute function kyc.refuse_change();
create trigger no_truncate before truncate on kyc.checkpoint execute function kyc.refuse_change();
create trigger no_truncate before truncate on kyc_keys.data_key execute function kyc.refuse_change();

create function kyc_keys.destroy(p_lane smallint, p_id uuid, p_at bigint) returns boolean
    language sql security definer set search_path = pg_catalog as $$
    with gone as (
        update kyc_keys.data_key set wrapped = '', destroyed_at = p_at
        where lane = p_lane and id = p_id and destroyed_at is null returning 1)
    select exists (select from gone)
$$;

-- The caller names the streams and scans, so that the update is bounded by what is disposed of.
create function kyc.empty_destroyed(p_lane smallint, p_id uuid, p_streams uuid[], p_scans bytea[]) returns bigint
    language sql security definer set search_path = pg_catalog as $$
    with events as (
        update kyc.event set state = '', digest = substr(sha256(''), 1, 16)
        where lane = p_lane and stream_id = any (p_streams) and data_key = p_id and length(state) > 0
            and exists (select from kyc_keys.data_key where lane = p_lane and id = p_id and destroyed_at is not null)
        returning 1),
    scans as (
        update kyc.scan set state = '', digest = substr(sha256(''), 1, 16)
        where lane = p_lane and commitment = any (p_scans) and data_key = p_id and length(state) > 0
            and exists (select from kyc_keys.data_key where lane = p_lane and id = p_id and destroyed_at is not null)
        returning 1)
    select (select count(*) from events) + (select count(*) from scans)
$$;

revoke all on function kyc_keys.destroy, kyc.empty_destroyed from public;
grant execute on function kyc_keys.destroy, kyc.empty_destroyed to kyc_service;
