//! The HTTP endpoint: lost answers, the page for a person, and bytes that are no request.

use super::*;

#[test]
fn a_lost_answer_breaks_the_connection_but_the_effect_stands() {
    run(async {
        let faults = FaultPlan::default().at("CreateEipInstance", 1, Fault::LoseAnswer);
        let simulator = start_with(
            Simulator::builder()
                .latency(Latency::instant())
                .faults(faults),
        )
        .await;
        let create = [
            ("EnsRegionId", "cn-hefei"),
            ("InstanceChargeType", "PostPaid"),
            ("InternetChargeType", "95BandwidthByMonth"),
        ];
        assert!(
            call(&simulator, "CreateEipInstance", &create)
                .await
                .is_err()
        );
        assert_eq!(simulator.journal().leaks().count(), 1);
        simulator.shutdown().await;
    });
}

#[test]
fn a_person_gets_a_page() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let mut stream = TcpStream::connect(simulator.endpoint).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        assert!(
            page.contains("text/html") && page.contains("lb-heifei"),
            "{page}"
        );
        simulator.shutdown().await;
    });
}

#[test]
fn no_bytes_on_the_wire_stop_the_endpoint() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let mut rng = fastrand::Rng::with_seed(1);
        let pieces: [&[u8]; 12] = [
            b"GET ",
            b"POST ",
            b"/?Action=",
            b"%",
            b"=&",
            b" HTTP/1.1\r\n",
            b"Content-Length: ",
            b"9999999999",
            b"Authorization: ACS3-HMAC-SHA256 Credential=",
            b"Transfer-Encoding: chunked\r\n",
            b"\r\n\r\n",
            b"\xff\x00",
        ];
        for _ in 0..2_000 {
            let mut bytes = Vec::new();
            for _ in 0..rng.usize(1..12) {
                if rng.bool() {
                    bytes.extend_from_slice(pieces[rng.usize(..pieces.len())]);
                } else {
                    let count = rng.usize(..20);
                    bytes.extend(std::iter::repeat_with(|| rng.u8(..)).take(count));
                }
            }
            let mut stream = TcpStream::connect(simulator.endpoint).await.unwrap();
            // The endpoint may hang up in the middle of it.
            let _sent = stream.write_all(&bytes).await;
            let _ended = stream.shutdown().await;
            let mut answer = Vec::new();
            let _heard = stream.read_to_end(&mut answer).await;
            assert!(
                answer.is_empty()
                    || answer.starts_with(b"HTTP/1.") && !answer.starts_with(b"HTTP/1.1 5"),
                "{}",
                String::from_utf8_lossy(&answer)
            );
        }
        ok(&simulator, "DescribeEnsRegions", &[]).await;
        simulator.shutdown().await;
    });
}

#[tokio::test(start_paused = true)]
async fn a_delayed_answer_comes_when_its_delay_is_over_and_its_effect_at_once() {
    let delay = Duration::from_secs(40);
    let faults = FaultPlan::default()
        .at("CreateEipInstance", 1, Fault::Delay(delay))
        .at("CreateEipInstance", 2, Fault::LoseRequest);
    let builder = Simulator::builder().latency(Latency::instant());
    let simulator = start_with(builder.faults(faults)).await;
    let create = [
        ("EnsRegionId", "cn-hefei"),
        ("InstanceChargeType", "PostPaid"),
        ("InternetChargeType", "95BandwidthByMonth"),
    ];
    let began = tokio::time::Instant::now();
    ok(&simulator, "CreateEipInstance", &create).await;
    assert!(began.elapsed() >= delay, "{:?}", began.elapsed());
    let bought = simulator.journal().purchases;
    let waited = simulator.shared.now().since(bought[0].created_at);
    assert!(waited >= delay, "the EIP was bought {waited:?} ago");
    assert!(
        call(&simulator, "CreateEipInstance", &create)
            .await
            .is_err()
    );
    assert_eq!(simulator.journal().purchases.len(), 1, "it never arrived");
    simulator.shutdown().await;
}
