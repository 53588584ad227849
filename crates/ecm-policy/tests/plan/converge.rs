//! Whatever interrupts a plan, planning again ends in the same.

use crate::model;
use crate::model::{World, port, service, snapshot};
use crate::settled;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Crashes at any step, lost answers and losses end in one stack, and in none once deleted.
    #[test]
    fn rule_11_3_any_interruption_converges_and_leaks_nothing(
        deaths in prop::collection::vec((0_usize..4, any::<bool>(), 0_usize..6), 0..6),
        ports in 1_u16..4,
        nodes in 0_usize..45,
        lag in 0_i64..120,
        loses in any::<[bool; 2]>(),
    ) {
        let mut s = snapshot(nodes);
        service(&mut s).ports =
            (0..ports).map(|i| port(80 + i, "TCP", 30000 + i)).collect();
        let mut world = World::new();
        world.list_lag = lag;
        let disturb = |world: &mut World, s: &ecm_policy::snapshot::Snapshot| {
            for (steps, lose, ticks) in &deaths {
                (world.steps_left, world.lose_answers) = (*steps, *lose);
                world.ticks(s, *ticks);
            }
            (world.steps_left, world.lose_answers) = (usize::MAX, false);
        };
        disturb(&mut world, &s);
        world.settle(&s);
        prop_assert_eq!((world.load_balancers.len(), world.eips.len()), (1, 1));
        prop_assert_eq!(world.servers().len(), nodes);
        if loses[0] { world.load_balancers.clear(); }
        if loses[1] { world.eips.clear(); }
        world.settle(&s);
        prop_assert_eq!(world.look(&s).steps().count(), 0);
        prop_assert_eq!(world.published.len(), 1);
        s.pool_service.deleting = true;
        disturb(&mut world, &s);
        if !world.finalized { world.settle(&s); }
        prop_assert!(world.finalized && world.load_balancers.is_empty() && world.eips.is_empty());
    }

    /// The order in which Kubernetes lists things does not matter.
    #[test]
    fn rule_9_2_the_order_of_inputs_does_not_matter(
        nodes in Just((0..9).map(model::node).collect::<Vec<_>>()).prop_shuffle(),
        endpoints in Just((0..9).map(model::endpoint).collect::<Vec<_>>()).prop_shuffle(),
        ports in Just(vec![port(1, "TCP", 3), port(2, "UDP", 4), port(1, "UDP", 5)]).prop_shuffle(),
    ) {
        let mut ordered = snapshot(9);
        service(&mut ordered).ports =
            vec![port(1, "TCP", 3), port(2, "UDP", 4), port(1, "UDP", 5)];
        let world = settled(&ordered);
        let mut shuffled = ecm_policy::snapshot::Snapshot { nodes, endpoints, ..ordered };
        service(&mut shuffled).ports = ports;
        prop_assert_eq!(world.look(&shuffled).steps().count(), 0);
    }
}
