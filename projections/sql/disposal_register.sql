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
create index disposal_register{b}_disposal on kyc_read.disposal_register{b} (retention, disposal)

-- destroyed --
-- A key was destroyed.
insert into kyc_read.disposal_register{b} (data_key, retention, disposal, destroyed, kept_under)
values (%s, %s, %s, %s, %s) on conflict (data_key) do nothing

-- certified --
-- The certificate was issued.
update kyc_read.disposal_register{b} set certified = %s where retention = %s and disposal = %s

-- sweep --
-- The record of a disposal may be disposed of in its turn.
delete from kyc_read.disposal_register{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.kept_under = k.id

-- of_keys --
-- The disposals that destroyed some keys.
select data_key, retention, destroyed, certified from kyc_read.disposal_register where data_key = any (%s)
