//! Whatever the cloud answers, the client ends with an answer or an error that says what is known, and no typed action
//! panics over a body. The input is the body; it is given once with status 200 and once with 400.
#![no_main]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use ens_openapi::api::backend::{AddBackendServers, RemoveBackendServers, SetBackendServers};
use ens_openapi::api::eip::{CreateEipInstance, DescribeEnsEipAddresses};
use ens_openapi::api::http_listener::{DescribeHttpListener, DescribeHttpsListener};
use ens_openapi::api::instance::{DescribeInstances, ReleaseInstance};
use ens_openapi::api::listener::{
    DescribeListener, DescribeLoadBalancerListeners, TransportProtocol,
};
use ens_openapi::api::load_balancer::{
    DescribeLoadBalancerAttribute, DescribeLoadBalancerSpec, DescribeLoadBalancers,
};
use ens_openapi::api::network::{
    DescribeNetworkAttribute, DescribeNetworks, DescribeVSwitchAttributes, DescribeVSwitches,
};
use ens_openapi::api::region::{DescribeEnsRegions, DescribeRegionIsps};
use ens_openapi::api::tag::ListTagResources;
use ens_openapi::transport::{Transport, TransportError};
use ens_openapi::{
    Client, Context, Credentials, Effect, Error, Params, Request, StaticCredentials,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const TOKEN: &str = "token-4711";

/// Gives the same answer to everything.
#[derive(Clone, Debug, Default)]
struct Parrot(Arc<Mutex<http::Response<Bytes>>>);

#[async_trait]
impl Transport for Parrot {
    async fn exchange(
        &self,
        _: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    static CLIENT: (Client, Parrot) = {
        let parrot = Parrot::default();
        let credentials = Credentials::new("id", "secret").with_security_token(TOKEN);
        let client = Client::builder(StaticCredentials::new(credentials))
            .transport(parrot.clone())
            .context(Context::new(|| chrono::DateTime::UNIX_EPOCH, || 0))
            .build()
            .unwrap();
        (client, parrot)
    };
}

fn call(status: u16, body: &[u8]) -> Result<Value, Error> {
    CLIENT.with(|(client, parrot)| {
        *parrot.0.lock().unwrap() = http::Response::builder()
            .status(status)
            .body(Bytes::copy_from_slice(body))
            .unwrap();
        RUNTIME.with(|runtime| runtime.block_on(client.call("DeleteEip", &Params::new())))
    })
}

fn decode_all(value: &Value) {
    fn decode<R: Request>(request: &R, value: &Value) {
        drop(request.decode(value.clone()));
    }
    decode(&AddBackendServers::new("lb", Vec::new()), value);
    decode(&SetBackendServers::new("lb", Vec::new()), value);
    decode(&RemoveBackendServers::new("lb", Vec::new()), value);
    decode(&CreateEipInstance::new("region"), value);
    decode(&DescribeEnsEipAddresses::default(), value);
    decode(&DescribeEnsRegions::default(), value);
    decode(&DescribeHttpListener::new("lb", 80), value);
    decode(&DescribeHttpsListener::new("lb", 443), value);
    decode(&DescribeInstances::default(), value);
    for protocol in [TransportProtocol::Tcp, TransportProtocol::Udp] {
        decode(&DescribeListener::new("lb", protocol, 80), value);
    }
    decode(&DescribeLoadBalancerAttribute::new("lb"), value);
    decode(&DescribeLoadBalancerListeners::new("lb"), value);
    decode(&DescribeLoadBalancerSpec::default(), value);
    decode(&DescribeLoadBalancers::default(), value);
    decode(&DescribeNetworkAttribute::new("n"), value);
    decode(&DescribeNetworks::default(), value);
    decode(&DescribeRegionIsps::default(), value);
    decode(&DescribeVSwitchAttributes::new("vsw"), value);
    decode(&DescribeVSwitches::default(), value);
    decode(&ListTagResources::of_instances(Vec::new()), value);
    decode(&ReleaseInstance::new("lb"), value);
}

fuzz_target!(|body: &[u8]| {
    for status in [200, 400] {
        match call(status, body) {
            Ok(value) => {
                assert_eq!(status, 200, "an error status passed for success");
                assert!(value.get("RequestId").or(value.get("requestId")).is_some());
                decode_all(&value);
            }
            Err(error) => {
                if let Error::Decode { .. } = error {
                    assert_eq!(
                        error.effect(),
                        Effect::Ambiguous,
                        "a success that cannot be read"
                    );
                }
                assert_ne!(error.effect(), Effect::NotSent, "something was sent");
                let printed = format!("{error} {error:?} {}", error.advice());
                assert!(!printed.contains(TOKEN), "{printed}");
            }
        }
    }
    if let Ok(value) = serde_json::from_slice(body) {
        decode_all(&value);
    }
});
