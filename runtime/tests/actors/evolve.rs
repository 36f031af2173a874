//! Two versions of one actor side by side: methods that gain arguments.

use starlings_runtime::{CallError, CastError, Incarnation, Node, NodeInstance, NodeParts, Pid};

use crate::bridge::Bridge;

/// What the first version of the program has.
mod first {
    use starlings_runtime::actor;

    #[derive(Debug, Default)]
    pub(super) struct Till(pub(super) Vec<String>);

    #[actor(name = "test.till", crate = starlings_runtime)]
    impl Till {
        fn init() -> Self {
            Self::default()
        }

        #[cast]
        #[evolve]
        fn sell(&mut self, what: String) {
            self.0.push(what);
        }

        #[call]
        #[evolve(1)]
        fn count(&self, what: String) -> usize {
            self.0.iter().filter(|sold| sold.starts_with(&what)).count()
        }

        #[cast]
        #[evolve(0)]
        fn retyped(&mut self, note: Option<u32>) {
            self.0.push(format!("{note:?}"));
        }

        #[call]
        fn sold(&self) -> Vec<String> {
            self.0.clone()
        }
    }
}

/// And the second one: methods have gained arguments, one has changed its type.
mod second {
    use starlings_runtime::actor;

    #[derive(Debug, Default)]
    pub(super) struct Till(pub(super) Vec<String>);

    #[actor(name = "test.till", crate = starlings_runtime)]
    impl Till {
        fn init() -> Self {
            Self::default()
        }

        #[cast]
        #[evolve(1)]
        fn sell(&mut self, what: String, to: Option<String>, pieces: Vec<u32>) {
            self.0.push(format!("{what} to {to:?} {pieces:?}"));
        }

        #[call]
        #[evolve(1)]
        fn count(&self, what: String, at_most: Option<usize>) -> usize {
            let found = self.0.iter().filter(|sold| sold.starts_with(&what));
            found.take(at_most.unwrap_or(usize::MAX)).count()
        }

        #[cast]
        #[evolve(0)]
        fn retyped(&mut self, note: Option<String>) {
            self.0.push(format!("{note:?}"));
        }

        #[call]
        fn sold(&self) -> Vec<String> {
            self.0.clone()
        }
    }
}

fn node(name: &str, add: impl FnOnce(&mut NodeParts)) -> Node {
    let incarnation = Incarnation(1);
    let mut parts = NodeParts::new(NodeInstance { node: name.parse().unwrap(), incarnation });
    add(&mut parts);
    parts.start()
}

fn two_versions() -> (Node, Node, Bridge) {
    let old = node("old@h", |parts| parts.add_spawnable::<first::Till>().unwrap());
    let new = node("new@h", |parts| parts.add_spawnable::<second::Till>().unwrap());
    let bridge = Bridge::between(&old, &new);
    (old, new, bridge)
}

#[tokio::test]
async fn a_newer_receiver_makes_up_what_an_older_sender_does_not_have() {
    use first::TillMethods;
    let (old, new, _bridge) = two_versions();
    let there: Pid<first::Till> = old.on(new.name()).spawn::<first::Till>(()).await.unwrap();
    there.sell("tea".to_owned()).unwrap();
    assert_eq!(there.sold().await, Ok(vec!["tea to None []".to_owned()]));
    assert_eq!(there.count("tea".to_owned()).await, Ok(1));
}

#[tokio::test]
async fn an_older_receiver_skips_what_a_newer_sender_has() {
    use second::TillMethods;
    let (old, new, _bridge) = two_versions();
    let there: Pid<second::Till> = new.on(old.name()).spawn::<second::Till>(()).await.unwrap();
    there.sell("tea".to_owned(), Some("Ada".to_owned()), vec![1, 2]).unwrap();
    there.sell("teapot".to_owned(), None, vec![]).unwrap();
    assert_eq!(there.sold().await, Ok(vec!["tea".to_owned(), "teapot".to_owned()]));
    assert_eq!(there.count("tea".to_owned(), Some(1)).await, Ok(2), "it knows of no limit");
}

#[tokio::test]
async fn an_argument_whose_type_was_changed_is_refused_and_not_misread() {
    use second::TillMethods;
    let (old, new, _bridge) = two_versions();
    let there: Pid<second::Till> = new.on(old.name()).spawn::<second::Till>(()).await.unwrap();
    there.retyped(Some("x".to_owned())).unwrap();
    assert_eq!(there.sold().await, Ok(vec![]));
    assert_eq!(old.counters().read().refused, 1);
}

#[tokio::test]
async fn versions_agree_where_they_are_the_same() {
    use second::TillMethods;
    let (old, new, _bridge) = two_versions();
    drop(old);
    let here = new.spawn::<second::Till>(()).await.unwrap();
    here.sell("tea".to_owned(), Some("Ada".to_owned()), vec![3]).unwrap();
    let sold = here.sold().await.unwrap();
    assert_eq!(sold, ["tea to Some(\"Ada\") [3]"]);
    assert!(matches!(here.sell("x".to_owned(), None, vec![]), Ok(()) | Err(CastError::NoProc)));
    assert!(!matches!(here.count("tea".to_owned(), None).await, Err(CallError::BadMessage(_))));
}
