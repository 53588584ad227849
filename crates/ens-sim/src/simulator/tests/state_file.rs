//! Stopped, and started again from its file.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

#[test]
fn a_simulator_that_is_started_again_keeps_its_cloud_and_its_addresses() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let begin = || {
            start_with(
                Simulator::builder()
                    .latency(Latency::instant())
                    .state_file(&path),
            )
        };
        let first = begin().await;
        let (balancer, eip) = buy(&first).await;
        let bind = [
            ("AllocationId", eip.as_str()),
            ("InstanceId", &balancer),
            ("InstanceType", "SlbInstance"),
        ];
        ok(&first, "AssociateEnsEipAddress", &bind).await;
        let (address, block) = (eip_of(&first, &balancer), first.address_block());
        first.shutdown().await;
        let second = begin().await;
        assert_eq!(
            (eip_of(&second, &balancer), second.address_block()),
            (address, block)
        );
        assert_eq!(
            second.journal().leaks().count(),
            2,
            "an ELB and an EIP were bought"
        );
        let beside = Simulator::builder().state_file(&path).start().await;
        assert!(
            matches!(beside, Err(StartError::AddressBlock(_))),
            "two simulators share one state"
        );
        second.shutdown().await;
    });
}

#[test]
fn a_state_file_that_is_something_else_is_named_and_left_alone() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "buy milk").unwrap();
        let refused = Simulator::builder().state_file(&path).start().await;
        let Err(StartError::StateFile(error)) = refused else {
            panic!("it was taken")
        };
        assert!(error.to_string().contains("notes.txt"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "buy milk");
    });
}

#[test]
fn a_state_file_that_cannot_be_written_is_named_at_the_start() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no-such-folder").join("state.json");
        let refused = Simulator::builder().state_file(&path).start().await;
        let Err(StartError::StateFile(error)) = refused else {
            panic!("it was taken")
        };
        assert!(error.to_string().contains("no-such-folder"), "{error}");
    });
}

#[test]
fn what_a_caller_was_told_is_in_the_file_already() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let builder = Simulator::builder().latency(Latency::real());
        let simulator = start_with(builder.state_file(&path)).await;
        let (balancer, eip) = buy(&simulator).await;
        // As a process would find it that starts after this one was killed.
        let text = std::fs::read_to_string(&path).unwrap();
        let config = simulator.look(|cloud| cloud.config().clone());
        let mut found = Cloud::restore(config, &text).unwrap();
        assert!(found.load_balancer(&balancer).is_some() && found.eip(&eip).is_some());
        let later = simulator.now().after(std::time::Duration::from_secs(60));
        found.settle(later);
        assert_eq!(found.load_balancer(&balancer).unwrap().status(), "Active");
        simulator.shutdown().await;
    });
}

#[test]
fn what_was_under_way_at_the_stop_is_done_when_it_is_due_after_the_start() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let millis = Arc::new(AtomicI64::new(1_769_860_800_000));
        let begin = || {
            let millis = Arc::clone(&millis);
            let clock = Arc::new(move || Timestamp(millis.load(Ordering::SeqCst)));
            let builder = Simulator::builder().latency(Latency::real());
            start_with(builder.clock(clock).state_file(&path))
        };
        let pass = |seconds: i64| millis.fetch_add(seconds * 1000, Ordering::SeqCst);
        let first = begin().await;
        let (balancer, eip) = buy(&first).await;
        pass(3);
        first.shutdown().await;

        let status = |simulator: &Simulator| {
            simulator.look(|cloud| {
                let balancer = cloud.load_balancer(&balancer).map(LoadBalancer::status);
                (balancer, cloud.eip(&eip).map(|eip| eip.status))
            })
        };
        let second = begin().await;
        assert_eq!(
            status(&second),
            (Some("InActive"), Some(EipStatus::Pending)),
            "3 s after both were bought"
        );
        pass(3);
        assert_eq!(
            status(&second),
            (Some("InActive"), Some(EipStatus::Available)),
            "an EIP takes 5 s, an ELB 8 s"
        );
        ok(&second, "DeleteEip", &[("InstanceId", &eip)]).await;
        second.shutdown().await;

        pass(3_600);
        let third = begin().await;
        assert_eq!(status(&third), (Some("Active"), None), "an hour later");
        assert_eq!(third.journal().leaks().count(), 1, "the ELB alone is left");
        third.shutdown().await;
    });
}

#[test]
fn what_a_caller_did_who_hung_up_is_kept_all_the_same() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let builder = Simulator::builder().latency(Latency::instant());
        let simulator = start_with(builder.state_file(&path)).await;
        let idle = Arc::strong_count(&simulator.shared);
        let create = [
            ("EnsRegionId", "cn-hefei"),
            ("InstanceChargeType", "PostPaid"),
            ("InternetChargeType", "95BandwidthByMonth"),
        ];
        let bought = || simulator.journal().leaks().count() == 1;
        // Nothing can be written yet, so that the caller gets no answer.
        let file = simulator.shared.keeper.as_ref().unwrap().lock().await;
        tokio::select! {
            answer = call(&simulator, "CreateEipInstance", &create) => panic!("{answer:?}"),
            () = until(bought) => {}
        }
        // The caller is gone, and whoever would have answered it: at most what carries its call on is there.
        until(|| Arc::strong_count(&simulator.shared) <= idle + 1).await;
        drop(file);
        let id = simulator.journal().purchases[0].id.clone();
        let kept = |_: &Cloud| std::fs::read_to_string(&path).unwrap().contains(&id);
        simulator.wait_until(kept).await;
        simulator.shutdown().await;
    });
}

/// Waits for what nobody announces.
async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}
