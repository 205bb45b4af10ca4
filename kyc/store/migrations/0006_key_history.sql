-- Who signs, and since when an outsider knows it: statements about signing keys, and timestamps over what was signed.
-- Both carry their own proof; nothing here is believed for standing here.

create table kyc.key_statement (
    number bigint primary key,                  -- 1, 2, 3 …
    made_at bigint not null,                    -- microseconds since 1970-01-01T00:00:00Z
    succeeded text not null,                    -- verifier key that must not sign any more; empty: none
    note text not null                          -- C2SP signed note (docs/format.md, Key history)
);

create table kyc.anchor (
    kind text not null check (kind in ('checkpoint', 'key')),
    number bigint not null,                     -- size of the checkpoint, number of the statement
    made_at bigint not null,                    -- microseconds since 1970-01-01T00:00:00Z
    token bytea not null,                       -- RFC 3161 timestamp over the signed note
    authority text not null,                    -- its certificate authority, in PEM
    primary key (kind, number, made_at)
);

grant select, insert on kyc.key_statement, kyc.anchor to kyc_service;
create trigger no_change before update or delete on kyc.key_statement
    for each row execute function kyc.refuse_change();
create trigger no_change before update or delete on kyc.anchor for each row execute function kyc.refuse_change();
create trigger no_truncate before truncate on kyc.key_statement execute function kyc.refuse_change();
create trigger no_truncate before truncate on kyc.anchor execute function kyc.refuse_change();
