-- Disposal: what a key protects besides events is found by the key, and goes with it.

create index scan_data_key on kyc.scan (lane, data_key);
create index snapshot_data_key on kyc.snapshot (lane, data_key);

-- The caller names the streams, so that the update is bounded by what is disposed of.
drop function kyc.empty_destroyed(smallint, uuid, uuid[], bytea[]);
create function kyc.empty_destroyed(
    p_lane smallint, p_id uuid, p_streams uuid[],
    out events bigint, out scans bigint, out snapshots bigint, out bytes bigint)
    language sql security definer set search_path = pg_catalog as $$
    with gone as (
        select lane, id from kyc_keys.data_key where lane = p_lane and id = p_id and destroyed_at is not null),
    old_events as (
        select length(e.state) as bytes from kyc.event e join gone k on e.lane = k.lane and e.data_key = k.id
        where e.stream_id = any (p_streams) and length(e.state) > 0),
    events as (
        update kyc.event e set state = '', digest = substr(sha256(''), 1, 16)
        from gone k
        where e.lane = k.lane and e.stream_id = any (p_streams) and e.data_key = k.id and length(e.state) > 0
        returning 1),
    old_scans as (
        select length(s.state) as bytes from kyc.scan s join gone k on s.lane = k.lane and s.data_key = k.id
        where length(s.state) > 0),
    scans as (
        update kyc.scan s set state = '', digest = substr(sha256(''), 1, 16)
        from gone k where s.lane = k.lane and s.data_key = k.id and length(s.state) > 0
        returning 1),
    snapshots as (
        delete from kyc.snapshot s using gone k where s.lane = k.lane and s.data_key = k.id
        returning length(s.state) as bytes)
    select (select count(*) from events), (select count(*) from scans), (select count(*) from snapshots),
        (select coalesce(sum(bytes), 0)::bigint from (
            select bytes from old_events union all select bytes from old_scans
            union all select bytes from snapshots) b)
$$;
revoke all on function kyc.empty_destroyed from public;
grant execute on function kyc.empty_destroyed to kyc_service;
