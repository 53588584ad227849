//! A client of the Alibaba Cloud ENS (Edge Node Service) OpenAPI: signing, transport, typed actions
#![forbid(unsafe_code)]
