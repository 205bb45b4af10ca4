-- Which disposal destroyed a data key: where its events stand. Pseudonymous ids and versions only.

-- tables --
-- One row for each destroyed key; the events say the number and the certificate.
create table kyc_read.disposal_register{b} (
    data_key uuid primary key,
    retention uuid not null,                    -- stream in which the disposal is recorded
    disposal uuid not null,                     -- keyed digest of its number
    destroyed bigint not null,                  -- version of the event that says the key is destroyed
    certified bigint,                           -- version of the event that holds the certificate
    kept_under uuid not null                    -- data key of those events
);
-- By this a certificate finds its keys while the table is filled.
create unique index disposal_register{b}_disposal on kyc_read.disposal_register{b} (retention, disposal, data_key);
-- One row for each disposal; versions are those of its events in the retention stream.
create table kyc_read.disposal_case{b} (
    retention uuid not null,
    disposal uuid not null,                     -- keyed digest of its number
    batch uuid not null,                        -- keyed digest of the batch in the number
    record_class text collate "C" not null,
    span text collate "C" not null,
    status text not null,
    earliest date not null,
    proposed bigint not null,
    decided bigint,
    destroyed bigint,
    certified bigint,
    kept_under uuid not null,
    primary key (retention, disposal)
);
create index disposal_case{b}_batch on kyc_read.disposal_case{b} (batch)

-- destroyed --
-- A key was destroyed.
insert into kyc_read.disposal_register{b} (data_key, retention, disposal, destroyed, kept_under)
values (%s, %s, %s, %s, %s) on conflict (data_key) do nothing

-- certified --
-- The certificate was issued.
update kyc_read.disposal_register{b} set certified = %s where retention = %s and disposal = %s

-- propose --
-- A disposal was proposed.
insert into kyc_read.disposal_case{b} (retention, disposal, batch, record_class, span, status, earliest, proposed,
    kept_under)
values (%s, %s, %s, %s, %s, 'proposed', %s, %s, %s) on conflict do nothing

-- advance --
-- It was decided, its key destroyed, its certificate issued.
update kyc_read.disposal_case{b} set status = %s,
    decided = case when %s in ('approved', 'rejected') then %s else decided end,
    destroyed = case when %s = 'destroyed' then %s else destroyed end,
    certified = case when %s = 'completed' then %s else certified end
where retention = %s and disposal = %s

-- sweep_cases --
-- Likewise of disposals.
delete from kyc_read.disposal_case{b} t using kyc_keys.data_key k where k.destroyed_at >= %s and t.kept_under = k.id

-- of_batch --
-- The disposals of a batch, or of all, in some status.
select retention, record_class, span, status, earliest, proposed, decided, destroyed, certified
from kyc_read.disposal_case
where (%s::uuid is null or batch = %s::uuid) and (%s::text[] = '{}' or status = any (%s::text[]))
order by batch, record_class, span, retention

-- sweep --
-- The record of a disposal may be disposed of in its turn.
delete from kyc_read.disposal_register{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.kept_under = k.id

-- of_keys --
-- The disposals that destroyed some keys.
select data_key, retention, destroyed, certified from kyc_read.disposal_register where data_key = any (%s)
