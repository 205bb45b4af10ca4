-- What left the house: to whom, for what, on which legal basis, with the hash of what left.

-- tables --
-- Recipient, purpose, order and hash are encrypted; what is searched by is a keyed digest.
create table kyc_read.disclosure_register{b} (
    stream_id uuid not null,
    version bigint not null,
    kind text not null,                         -- of the recipient, or how it left
    customer uuid,                              -- stream id; null where it is about several
    matter uuid,                                -- keyed digest of the order or request it answers
    recipient uuid,                             -- keyed digest
    digest uuid,                                -- keyed digest of the hash of what left
    fields text[] not null,                     -- names of fields; empty: whole events
    actor text not null,
    branch text not null,
    purpose text not null,                      -- of the processing
    legal_basis text not null,
    at timestamptz not null,                    -- recorded
    data_key uuid not null,
    disclosure bytea not null,                  -- nonce ‖ AES-256-GCM(data key, JSON)
    primary key (stream_id, version)
);
create index disclosure_register{b}_customer on kyc_read.disclosure_register{b} (customer, at)
    where customer is not null;
create index disclosure_register{b}_matter on kyc_read.disclosure_register{b} (matter) where matter is not null;
create index disclosure_register{b}_recipient on kyc_read.disclosure_register{b} (recipient, at);
create index disclosure_register{b}_digest on kyc_read.disclosure_register{b} (digest);
create index disclosure_register{b}_at on kyc_read.disclosure_register{b} (at)

-- sweep --
-- Disclosures under keys that were destroyed.
delete from kyc_read.disclosure_register{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- search --
-- Disclosures by what was given, the latest first.
select stream_id, version, kind, customer, fields, actor, branch, purpose, legal_basis, at, data_key, disclosure
from kyc_read.disclosure_register
where {conditions}
order by at desc, stream_id, version desc limit {limit}

-- after --
-- After the last one told.
(at <= %s and (at < %s or stream_id > %s or (stream_id = %s and version < %s)))
