-- Evidence renewed under another hash algorithm (docs/format.md, Renewal): the stamped record, and of each event the
-- hash of its content, 256 to a row, so that it is still found once the content was disposed of.

create table kyc.renewal (
    number bigint primary key,                  -- 1, 2, 3 …
    note text not null,                         -- C2SP signed note
    token bytea not null,                       -- RFC 3161 timestamp over the note
    authority text not null                     -- its certificate authority, in PEM
);

create table kyc.renewed_content (
    number bigint not null,
    index bigint not null,                      -- events from 256 · index on
    hashes bytea not null,
    primary key (number, index)
);

grant select, insert on kyc.renewal, kyc.renewed_content to kyc_service;
create trigger no_change before update or delete on kyc.renewal for each row execute function kyc.refuse_change();
create trigger no_change before update or delete on kyc.renewed_content
    for each row execute function kyc.refuse_change();
create trigger no_truncate before truncate on kyc.renewal execute function kyc.refuse_change();
create trigger no_truncate before truncate on kyc.renewed_content execute function kyc.refuse_change();
