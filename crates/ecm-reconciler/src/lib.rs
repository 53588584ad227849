//! The controllers: index, fan-out, ELB, executor, ledger, events, metrics
#![forbid(unsafe_code)]
