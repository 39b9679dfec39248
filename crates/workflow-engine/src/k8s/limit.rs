//! What keeps a run on a cluster from going faster, in one line.

use std::fmt;

/// Where the tasks that are to run are held up, as counts of this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks whose inputs are there, those that run among them.
    pub wanted: usize,
    /// Tasks that run.
    pub running: usize,
    /// The most that may be under way at once, by the run's own options.
    pub slots_cap: usize,
    /// Jobs that lack pods although they were made more than 2 s ago.
    pub jobs_without_pod: usize,
    /// Pods that the scheduler has not looked at.
    pub pods_unscheduled: usize,
    /// Pods that the scheduler has no node for.
    pub pods_unschedulable: usize,
    /// What the scheduler says of one of them.
    pub unschedulable_message: Option<String>,
    /// Pods that have a node and cannot get an image yet.
    pub pods_starting_images: usize,
    /// Pods that have a node and start.
    pub pods_starting: usize,
    /// Objects that are yet to be created.
    pub create_queue: usize,
    /// Whether the API server put creations off lately (429).
    pub creates_throttled: bool,
    /// What the API server said when a quota refused something lately.
    pub quota_message: Option<String>,
}

/// What binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// Nothing: all that can run runs.
    Nothing,
    /// The run's own limit.
    Slots(usize),
    /// The Job controller, which makes pods of Jobs.
    Controller(usize),
    /// The scheduler, which gives pods nodes.
    Scheduler(usize),
    /// Nodes: there is no room for more pods. The scheduler's words.
    Capacity(String),
    /// A quota of the namespace. The API server's words.
    Quota(String),
    /// Images that are pulled.
    Images(usize),
    /// Nodes that start containers.
    Starting(usize),
    /// Our own creations.
    Creates(usize),
    /// The API server, which asks for fewer calls.
    ApiServer,
}

impl Limit {
    /// The one that binds: of those that hold tasks up, the one that most would have to pass.
    ///
    /// A place where nothing can go on (a quota, no room on nodes) comes before places where all only takes its time,
    /// for it is what they wait for in the end; among the latter the longest queue counts, and where two are equal the
    /// later one on the way, since its queue is what fills up the earlier one.
    #[must_use]
    pub fn of(counts: &Counts) -> Self {
        if counts.wanted <= counts.running {
            return Self::Nothing;
        }
        if let Some(message) = &counts.quota_message {
            return Self::Quota(message.clone());
        }
        if counts.pods_unschedulable > 0 {
            return Self::Capacity(counts.unschedulable_message.clone().unwrap_or_default());
        }
        let api = if counts.creates_throttled {
            Self::ApiServer
        } else {
            Self::Creates(counts.create_queue)
        };
        // In the order of a task's way.
        let queues = [
            (counts.create_queue, api),
            (counts.jobs_without_pod, Self::Controller(counts.jobs_without_pod)),
            (counts.pods_unscheduled, Self::Scheduler(counts.pods_unscheduled)),
            (counts.pods_starting_images, Self::Images(counts.pods_starting_images)),
            (counts.pods_starting, Self::Starting(counts.pods_starting)),
        ];
        let longest = queues.into_iter().filter(|(length, _)| *length > 0);
        if let Some((length, limit)) = longest.max_by_key(|(length, _)| *length) {
            // A few on their way while all slots are taken are not what holds it up.
            if counts.running + length < counts.slots_cap || counts.running < counts.slots_cap / 2 {
                return limit;
            }
        }
        if counts.running > 0 || counts.slots_cap == 0 {
            return Self::Slots(counts.slots_cap);
        }
        Self::Nothing
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing: all that can run runs"),
            Self::Slots(cap) => {
                write!(f, "the run's own limit: at most {cap} at once")
            }
            Self::Controller(jobs) => write!(
                f,
                "the Job controller of the cluster: {jobs} Jobs wait for their pods; pools and clustered tasks need fewer Jobs"
            ),
            Self::Scheduler(pods) => {
                write!(f, "the scheduler of the cluster: {pods} pods wait for it")
            }
            Self::Capacity(message) => {
                write!(f, "room on the nodes{}", words(message))
            }
            Self::Quota(message) => write!(f, "a quota of the namespace{}", words(message)),
            Self::Images(pods) => write!(f, "images: {pods} pods wait for them to be pulled"),
            Self::Starting(pods) => {
                write!(f, "the start of containers on the nodes: {pods} pods are at it")
            }
            Self::Creates(objects) => {
                write!(f, "our own calls: {objects} objects are yet to be created")
            }
            Self::ApiServer => {
                f.write_str("the API server: it puts calls off because there are too many")
            }
        }
    }
}

/// What somebody said, as one line after a statement.
fn words(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { line } else { format!(": {line}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Counts {
        Counts { wanted: 1000, running: 10, slots_cap: 500, ..Counts::default() }
    }

    #[test]
    fn nothing_binds_when_nothing_is_wanted() {
        let counts = Counts { wanted: 10, pods_starting: 5, ..busy() };
        assert_eq!(Limit::of(&counts), Limit::Nothing);
        let idle = Counts { running: 0, ..busy() };
        assert_eq!(Limit::of(&idle), Limit::Nothing);
    }

    #[test]
    fn the_longest_queue_binds() {
        for (counts, limit) in [
            (Counts { jobs_without_pod: 300, ..busy() }, Limit::Controller(300)),
            (Counts { pods_unscheduled: 300, ..busy() }, Limit::Scheduler(300)),
            (Counts { pods_starting_images: 300, ..busy() }, Limit::Images(300)),
            (Counts { pods_starting: 300, ..busy() }, Limit::Starting(300)),
            (Counts { create_queue: 300, ..busy() }, Limit::Creates(300)),
            (Counts { create_queue: 300, creates_throttled: true, ..busy() }, Limit::ApiServer),
            (
                Counts { create_queue: 200, jobs_without_pod: 250, pods_starting: 20, ..busy() },
                Limit::Controller(250),
            ),
            // Equal: the later one.
            (
                Counts { jobs_without_pod: 200, pods_unscheduled: 200, ..busy() },
                Limit::Scheduler(200),
            ),
        ] {
            assert_eq!(Limit::of(&counts), limit);
        }
    }

    #[test]
    fn what_stands_still_comes_before_what_is_slow() {
        let full = Counts {
            pods_unschedulable: 3,
            unschedulable_message: Some(
                "0/3 nodes are available:\n 3 Insufficient cpu.".to_owned(),
            ),
            jobs_without_pod: 400,
            ..busy()
        };
        assert_eq!(
            Limit::of(&full).to_string(),
            "room on the nodes: 0/3 nodes are available: 3 Insufficient cpu."
        );
        let quota = Counts { quota_message: Some("exceeded quota: q".to_owned()), ..full };
        assert_eq!(Limit::of(&quota).to_string(), "a quota of the namespace: exceeded quota: q");
    }

    #[test]
    fn when_all_slots_are_taken_they_are_the_limit() {
        let full = Counts { running: 500, ..busy() };
        assert_eq!(Limit::of(&full), Limit::Slots(500));
        // The last few of them are just beginning.
        let nearly = Counts { running: 490, pods_starting: 10, ..busy() };
        assert_eq!(Limit::of(&nearly), Limit::Slots(500));
        let not_yet = Counts { running: 300, pods_starting: 10, ..busy() };
        assert_eq!(Limit::of(&not_yet), Limit::Starting(10));
    }

    #[test]
    fn all_are_one_line() {
        for limit in [
            Limit::Nothing,
            Limit::Slots(1),
            Limit::Controller(1),
            Limit::Scheduler(1),
            Limit::Capacity("a\nb".to_owned()),
            Limit::Quota(String::new()),
            Limit::Images(1),
            Limit::Starting(1),
            Limit::Creates(1),
            Limit::ApiServer,
        ] {
            let line = limit.to_string();
            assert!(!line.contains('\n') && !line.ends_with(':'), "{line}");
        }
    }
}
