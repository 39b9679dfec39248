//! Generated graphs: independent tasks, a chain, a fan, and the layers of Montage.

use super::Graph;

/// Tasks without edges; each takes an initial signal and makes one.
pub(crate) fn independent(count: u32) -> Graph {
    let mut graph = Graph::default();
    for _ in 0..count {
        let (taken, made) = (graph.signal(), graph.signal());
        graph.task("task", &[taken], &[made]);
    }
    graph
}

/// Each task takes what the one before it made.
pub(crate) fn chain(count: u32) -> Graph {
    let mut graph = Graph::default();
    let mut last = graph.signal();
    for _ in 0..count {
        let made = graph.signal();
        graph.task("link", &[last], &[made]);
        last = made;
    }
    graph
}

/// One task whose signal all others take but the last, which takes all of theirs.
pub(crate) fn fan(count: u32) -> Graph {
    let mut graph = Graph::default();
    let (start, split) = (graph.signal(), graph.signal());
    graph.task("split", &[start], &[split]);
    let mut made = Vec::new();
    for _ in 0..count.saturating_sub(2) {
        let signal = graph.signal();
        graph.task("part", &[split], &[signal]);
        made.push(signal);
    }
    let end = graph.signal();
    graph.task("join", &made, &[end]);
    graph
}

/// Tasks of the wide layers in the recorded mosaic; generated ones keep the proportions.
const PROJECTIONS: u32 = 4_655;
const BACKGROUNDS: u32 = 2_088;
const DIFFERENCES: u32 = 9_654;

/// The eight layers of a Montage mosaic, `count` tasks in all (at least 60).
///
/// Three colour bands, as in the recorded graph. The wide layers (mProject, mDiffFit, mBackground)
/// grow with `count`; mConcatFit, mBgModel, mImgtbl, mAdd and mViewer stay one a band, with ever
/// more inputs, and a last mViewer joins the bands.
pub(crate) fn layers(count: u32) -> Graph {
    const BANDS: u32 = 3;
    const NARROW: u32 = 5 * BANDS + 1;
    let wide = count.max(60) - NARROW;
    let whole = u64::from(PROJECTIONS + BACKGROUNDS + DIFFERENCES);
    let share = |part: u32| (u64::from(wide) * u64::from(part) / whole) as u32;
    let (projections, backgrounds) = (share(PROJECTIONS), share(BACKGROUNDS));
    let differences = wide - projections - backgrounds;

    let mut graph = Graph::default();
    let header = graph.signal();
    let mut mosaics = Vec::new();
    for band in 0..BANDS {
        let part = |total: u32| (total / BANDS + u32::from(band < total % BANDS)) as usize;
        let band =
            Band { project: part(projections), diff: part(differences), back: part(backgrounds) };
        mosaics.push(band.add_to(&mut graph, header));
    }
    let picture = graph.signal();
    graph.task("mViewer", &mosaics, &[picture]);
    graph
}

/// One colour band: how many tasks its wide layers have.
struct Band {
    project: usize,
    diff: usize,
    back: usize,
}

impl Band {
    /// Adds the band's tasks; answers the signal of its mosaic.
    fn add_to(&self, graph: &mut Graph, header: u32) -> u32 {
        let projected = self.projections(graph, header);
        let fits = self.differences(graph, header, &projected);
        let fit_table = graph.signal();
        graph.task("mConcatFit", &fits, &[fit_table]);
        let images = graph.signal();
        let corrections = graph.signal();
        graph.task("mBgModel", &[images, fit_table], &[corrections]);

        let mut corrected = Vec::new();
        for pair in projected.iter().take(self.back) {
            let made = graph.signals(2);
            graph.task("mBackground", &[pair[0], pair[1], header, corrections], &made);
            corrected.push(made);
        }
        let table = graph.signal();
        let first: Vec<u32> = corrected.iter().map(|pair| pair[0]).collect();
        graph.task("mImgtbl", &first, &[table]);
        let mosaic = graph.signals(2);
        let mut added: Vec<u32> = corrected.concat();
        added.extend([table, header]);
        graph.task("mAdd", &added, &mosaic);
        let picture = graph.signal();
        graph.task("mViewer", &mosaic[..1], &[picture]);
        mosaic[0]
    }

    /// mProject: an image of its own and the common header in, image and area out.
    fn projections(&self, graph: &mut Graph, header: u32) -> Vec<Vec<u32>> {
        let mut projected = Vec::new();
        for _ in 0..self.project {
            let raw = graph.signal();
            let made = graph.signals(2);
            graph.task("mProject", &[raw, header], &made);
            projected.push(made);
        }
        projected
    }

    /// mDiffFit: two neighbouring projections each.
    fn differences(&self, graph: &mut Graph, header: u32, projected: &[Vec<u32>]) -> Vec<u32> {
        let mut fits = Vec::new();
        for index in 0..self.diff {
            let left = index % projected.len();
            let right = (left + 1 + index / projected.len()) % projected.len();
            let (left, right) = (&projected[left], &projected[right]);
            let fit = graph.signal();
            graph.task("mDiffFit", &[left[0], left[1], right[0], right[1], header], &[fit]);
            fits.push(fit);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layers_have_the_number_of_tasks_asked_for() {
        for count in [60, 1_000, 16_413, 100_000] {
            assert_eq!(layers(count).task_count(), count as usize);
        }
    }

    #[test]
    fn every_signal_has_one_producer_at_most_and_every_task_comes_after_its_inputs() {
        for graph in [independent(10), chain(10), fan(10), layers(1_000)] {
            let producers = graph.producers();
            let made: usize = (0..graph.task_count()).map(|task| graph.outs(task).len()).sum();
            let produced = producers.iter().filter(|producer| **producer != super::super::NOBODY);
            assert_eq!(made, produced.count());
            for task in 0..graph.task_count() {
                assert!(
                    graph.predecessors(task, &producers).iter().all(|&p| (p as usize) < task),
                    "task {task}"
                );
            }
        }
    }

    #[test]
    fn the_generated_mosaic_resembles_the_recorded_one() {
        let graph = layers(16_413);
        let projections = (0..graph.task_count()).filter(|&t| graph.kind(t) == "mProject").count();
        assert_eq!(projections, 4_655);
        let producers = graph.producers();
        let edges: usize =
            (0..graph.task_count()).map(|task| graph.predecessors(task, &producers).len()).sum();
        assert!((34_000..41_000).contains(&edges), "{edges} edges; the recorded one has 37,245");
    }
}
