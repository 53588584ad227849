//! Whatever reaches the gateway of the simulated cloud, it answers with a documented refusal and goes on. The input is an
//! HTTP request as text: `METHOD target`, headers, an empty line, the body.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use ens_sim::Timestamp;
use ens_sim::cloud::{Cloud, Config};
use ens_sim::wire::Gateway;
use libfuzzer_sys::{Corpus, fuzz_target};

const NOW: Timestamp = Timestamp(1_769_860_800_000);

static GATEWAY: LazyLock<Gateway> = LazyLock::new(|| {
    let mut gateway = Gateway::new(Cloud::new(Config::default(), 1).unwrap());
    gateway.add_key("testid", "testsecret");
    gateway
});

fn request(input: &[u8]) -> Option<http::Request<Bytes>> {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&input[..end], &input[end + 2..]),
        None => (input, &[][..]),
    };
    let mut lines = head.split(|&byte| byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|&byte| byte == b' ')?;
    let (method, target) = (&first[..space], &first[space + 1..]);
    let mut request = http::Request::builder().method(method).uri(target);
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let value = line[colon + 1..].trim_ascii();
        request = request.header(&line[..colon], value);
    }
    request.body(Bytes::copy_from_slice(body)).ok()
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(request) = request(input) else {
        return Corpus::Reject;
    };
    let mut gateway = GATEWAY.clone();
    let reply = gateway.answer(&request, NOW);
    let status = reply.response.status();
    let body = String::from_utf8(reply.response.body().to_vec()).unwrap();
    assert!(!status.is_server_error(), "{status} {body}");
    assert!(body.contains("RequestId"), "{body}");
    if !status.is_success() {
        assert!(body.contains("Code") && body.contains("Message"), "{body}");
    }
    Corpus::Keep
});
