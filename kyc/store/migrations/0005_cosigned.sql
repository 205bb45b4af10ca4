-- Checkpoints as they are given out where a witness policy is set: with the cosignatures that made the quorum.
-- A size may come twice, when a stricter policy asked for more; the newest counts.

create table kyc.cosigned (
    size bigint not null,
    cosigned_at bigint not null,                -- microseconds since 1970-01-01T00:00:00Z
    note text not null,                         -- C2SP signed note: the log's signature and those of witnesses
    primary key (size, cosigned_at)
);
grant select, insert on kyc.cosigned to kyc_service;
create trigger no_change before update or delete on kyc.cosigned for each row execute function kyc.refuse_change();
create trigger no_truncate before truncate on kyc.cosigned execute function kyc.refuse_change();
