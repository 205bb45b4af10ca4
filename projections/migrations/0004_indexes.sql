-- A build that is filled from the beginning of a long log gets its indexes when it is full.

alter table kyc_read.build add column indexed boolean not null default true;
