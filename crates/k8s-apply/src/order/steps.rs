//! Edges and stages become steps.

use std::collections::BTreeMap;

use diagnostics::{Place, Problem};

use super::depends_on::annotation_path;
use super::stage::{Stage, rank_of};
use super::{Edge, EdgeKind, Fault, Schedule};
use crate::object::Object;

/// Which way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Apply,
    Delete,
}

/// How many circles are told. There may be very many.
const MOST_CIRCLES: usize = 20;

/// Steps, and circles of edges: members in the order in which they wait for each other.
///
/// In each step go all objects of the first stage that has objects whose turn it is.
pub(super) fn schedule(
    objects: &[&Object],
    mut edges: Vec<Edge>,
    direction: Direction,
) -> (Schedule, Vec<Vec<usize>>) {
    let keys: Vec<_> = objects.iter().map(|object| object.key()).collect();
    let ranks: Vec<Priority> =
        objects.iter().map(|object| Priority::of(rank_of(object), direction)).collect();
    let mut graph = Graph::new(objects.len(), &edges, direction);
    let mut ready: BTreeMap<Priority, Vec<usize>> = BTreeMap::new();
    for index in (0..objects.len()).filter(|&index| graph.waiting[index] == 0) {
        ready.entry(ranks[index]).or_default().push(index);
    }
    let (mut steps, mut circles, mut done) = (Vec::new(), Vec::new(), 0);
    while done < objects.len() {
        let Some((_, mut step)) = ready.pop_first() else {
            let circle = graph.circle(&edges, direction, &keys);
            let (Some(&one), Some(&other)) = (circle.first(), circle.get(1).or(circle.first()))
            else {
                break;
            };
            // Without the edges between two of its members the rest can go on.
            graph.cut(&mut edges, direction, other, one);
            if graph.waiting[one] == 0 {
                ready.entry(ranks[one]).or_default().push(one);
            }
            if circles.len() < MOST_CIRCLES {
                circles.push(circle);
            }
            continue;
        };
        step.sort_unstable_by(|&one, &other| (&keys[one], one).cmp(&(&keys[other], other)));
        done += step.len();
        for &index in &step {
            graph.gone[index] = true;
            for next in std::mem::take(&mut graph.next[index]) {
                graph.waiting[next] -= 1;
                if graph.waiting[next] == 0 {
                    ready.entry(ranks[next]).or_default().push(next);
                }
            }
        }
        steps.push(step);
    }
    (Schedule { steps, edges }, circles)
}

/// What goes first of what could go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Priority {
    Apply((Stage, u8)),
    Delete(std::cmp::Reverse<(Stage, u8)>),
}

impl Priority {
    fn of(rank: (Stage, u8), direction: Direction) -> Self {
        match direction {
            Direction::Apply => Self::Apply(rank),
            Direction::Delete => Self::Delete(std::cmp::Reverse(rank)),
        }
    }
}

/// First and second of an edge in a direction.
fn ends(edge: &Edge, direction: Direction) -> (usize, usize) {
    match direction {
        Direction::Apply => (edge.before, edge.after),
        Direction::Delete => (edge.after, edge.before),
    }
}

struct Graph {
    /// How many edges each object still waits for.
    waiting: Vec<usize>,
    /// Who waits for each object, once for each edge.
    next: Vec<Vec<usize>>,
    gone: Vec<bool>,
}

impl Graph {
    fn new(count: usize, edges: &[Edge], direction: Direction) -> Self {
        let mut graph = Self {
            waiting: vec![0; count],
            next: vec![Vec::new(); count],
            gone: vec![false; count],
        };
        for edge in edges {
            let (first, second) = ends(edge, direction);
            graph.waiting[second] += 1;
            graph.next[first].push(second);
        }
        graph
    }

    /// A circle of what is left: each member waits for the next one, and the last one for the first.
    fn circle<K: Ord>(&self, edges: &[Edge], direction: Direction, keys: &[K]) -> Vec<usize> {
        // Everything that is left waits for something that is left: for the least of it, to be deterministic.
        let mut waits_for: Vec<Option<usize>> = vec![None; self.gone.len()];
        for edge in edges {
            let (first, second) = ends(edge, direction);
            if !self.gone[first] && !self.gone[second] {
                let least = &mut waits_for[second];
                if least.is_none_or(|other| keys[first] < keys[other]) {
                    *least = Some(first);
                }
            }
        }
        let left = (0..self.gone.len()).filter(|&index| !self.gone[index]);
        let Some(start) = left.min_by(|&one, &other| keys[one].cmp(&keys[other])) else {
            return Vec::new();
        };
        let mut at = vec![usize::MAX; self.gone.len()];
        let mut path = Vec::new();
        let mut current = start;
        while at[current] == usize::MAX {
            at[current] = path.len();
            path.push(current);
            let Some(next) = waits_for[current] else { return Vec::new() };
            current = next;
        }
        let mut circle = path.split_off(at[current]);
        // From its least member on, wherever it was entered.
        let least =
            (0..circle.len()).min_by(|&one, &other| keys[circle[one]].cmp(&keys[circle[other]]));
        circle.rotate_left(least.unwrap_or(0));
        circle
    }

    /// Takes out the edges from one object to another.
    fn cut(&mut self, edges: &mut Vec<Edge>, direction: Direction, first: usize, second: usize) {
        edges.retain(|edge| ends(edge, direction) != (first, second));
        let before = self.next[first].len();
        self.next[first].retain(|&next| next != second);
        self.waiting[second] -= before - self.next[first].len();
    }
}

/// The problem that a circle is, told at its first member.
pub(super) fn circle_fault(
    objects: &[&Object],
    circle: &[usize],
    place: &impl Fn(usize) -> Option<Place>,
) -> Fault {
    let name = |index: usize| {
        let key = objects[index].key().to_string();
        place(index).map_or_else(|| key.clone(), |place| format!("{key} ({place})"))
    };
    let mut message = "these wait for each other: ".to_owned();
    for &member in circle {
        message += &name(member);
        message += " waits for ";
    }
    let first = circle.first().copied().unwrap_or_default();
    message += &objects[first].key().to_string();
    let annotated = objects[first].annotation(super::DEPENDS_ON).is_some();
    let mut problem = Problem::error("depends-on-circle", message)
        .help(format!("leave out one of the annotations {}", super::DEPENDS_ON));
    if annotated {
        problem = problem.at(annotation_path());
    }
    (first, problem)
}

impl EdgeKind {
    /// For people: what the later object has to do with the earlier one.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Namespace => "is in",
            Self::Definition => "is defined by",
            Self::DependsOn => "depends on",
        }
    }
}
