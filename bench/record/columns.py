"""The columns of a record: name, unit and meaning. One table for the store, the report and `bench list metrics`."""

from typing import NamedTuple


class Column(NamedTuple):
    """One column of results/<study>/table.csv; a quantity that an entry does not have is left empty."""

    unit: str
    meaning: str


STATUSES = ("ok", "diverged", "failed", "timeout", "not_applicable")

COLUMNS: dict[str, Column] = {
    "study": Column("", "folder under results/ that the run belongs to"),
    "run_id": Column("", "<data>-<model>-s<seed>-<first 8 digits of the hash of the resolved configuration>"),
    "status": Column("", "ok, diverged (NaN or infinity), failed (an exception), timeout or not_applicable"),
    "error": Column("", "what went wrong, one line"),
    "data": Column("", "data set"),
    "model": Column("", "entry"),
    "family": Column("", "family of the entry"),
    "seed": Column("", "seed of initialisation, batch order and noise"),
    "parameters": Column("parameters", "trainable parameters of the entry as trained"),
    "matched_to": Column("", "the budget asked for; the achieved numbers stand beside it"),
    "width": Column("", "the size knob that the matching chose"),
    "steps": Column("steps", "optimisation steps taken"),
    "best_step": Column("steps", "step whose weights were kept, by validation"),
    "selected_by": Column("", "the validation quantity that chose the weights"),
    "train_seconds": Column("s", "optimisation alone: no validation, no compilation"),
    "note": Column("", "how the entry computes, in its own words"),
    "compiled": Column("", "how the training step was compiled: step or graph; empty where it ran eagerly"),
    "compile_seconds": Column("s", "compilation alone; empty where nothing is compiled"),
    "eval_seconds": Column("s", "validation and test evaluation"),
    "step_milliseconds": Column("ms", "median time of an optimisation step"),
    "train_flops": Column("FLOP", "matrix products and convolutions of all steps, forward and backward"),
    "train_nfe": Column("evaluations", "field evaluations per training step, mean"),
    "eval_nfe": Column("evaluations", "field evaluations per density call, mean"),
    "peak_memory_bytes": Column("B", "largest device memory (CUDA) or resident memory of the process (CPU) in the run"),
    "device": Column("", "processor or GPU"),
    "threads": Column("", "CPU threads torch used"),
    "shared_machine": Column("", "True when other processes used more than a tenth of a core while training ran"),
    "packed": Column("runs", "runs trained as one batched model; their times are the common clock's divided by it"),
    "torch_version": Column("", "version of torch"),
    "git_commit": Column("", "commit of the code, with + when files had changed; empty outside a checkout"),
    "nll_nats": Column("nats", "mean test -log p in the report space; where nll_is_bound, an upper bound of it"),
    "nll_standard_error": Column("nats", "standard error of nll_nats over test examples"),
    "nll_estimator": Column("", "how the likelihood was obtained"),
    "nll_estimator_error": Column("nats", "standard error of nll_nats that is the estimator's own"),
    "solver_error_nats": Column("nats", "nll_nats less that of a float64 solve at 1e-9, over 256 test examples"),
    "grid_error_nats": Column("nats", "the same for the NLL on the grid that training steps along"),
    "grid_error_refined_nats": Column("nats", "the same on that grid with every step halved"),
    "nll_is_bound": Column("", "True when nll_nats bounds the truth from above"),
    "nll_examples": Column("examples", "test examples, the first so many, that nll_nats is the mean of"),
    "nll_space": Column("", "the report space: what one nat is a nat of"),
    "bits_per_dim": Column("bits/dim", "nll_nats / (D ln 2); empty for data that are not images"),
    "oracle_nll_nats": Column("nats", "mean test -log p under the true density, where it is known"),
    "oracle_standard_error": Column("nats", "standard error of oracle_nll_nats over test examples"),
    "kl_to_truth": Column("nats", "mean over test examples of log p_true - log p, an estimate of KL(true || model)"),
    "kl_standard_error": Column("nats", "standard error of kl_to_truth over test examples"),
    "elbo_nats": Column("nats", "mean evidence lower bound (a log-likelihood: larger is better), latent models"),
    "elbo_standard_error": Column("nats", "standard error of elbo_nats over test examples"),
    "ess_median": Column("samples", "effective sample size of an example's importance weights, median over examples"),
    "ess_low": Column("samples", "the same, the 5 % quantile over examples"),
    "warning": Column("", "why a number of this row is to be read with care"),
    "recon_mse": Column("", "mean squared error per coordinate of decode(encode(x)); pixels as fractions of 1"),
    "recon_kind": Column("", "posterior_mean (lossy latent) or round_trip (inverse of an invertible map)"),
    "recon_mse_noise": Column("", "the same at equal latent noise: decode(encode(x) + 0.1 e), e standard normal"),
    "recon_mse_sampled": Column("", "the same from a drawn latent: decode(z), z drawn from the posterior of x"),
    "rate_nats": Column("nats", "mean KL(posterior || prior) by one draw of z for each test example"),
    "distortion_nats": Column("nats", "mean -log p(x | z) in the report space; with the rate it makes -ELBO"),
    "latent_size": Column("", "coordinates of the latent"),
    "active_units": Column(
        "", "latent coordinates whose posterior mean has over 1 % of their variance over test examples; no class's code"
    ),
    "posterior_collapse": Column("", "1 where no latent coordinate is active, 0 else"),
    "aggregate_mmd2": Column(
        "", "unbiased squared MMD between draws of the aggregate posterior and of the prior: 0 where they agree"
    ),
    "aggregate_kl_nats": Column("nats", "KL between Gaussians with the moments of aggregate posterior and prior"),
    "aggregate_kl_floor": Column("nats", "the same between two sets of draws from the prior"),
    "gradient_noise": Column("", "variance of a batch's training gradient over draws of z / its squared mean"),
    "sharpness_samples": Column("", "variance of the Laplacian of samples, decoder noise included"),
    "sharpness_sample_means": Column("", "the same of decoder means of latents drawn from the prior"),
    "sharpness_reconstructions": Column("", "the same of reconstructions of test examples"),
    "sharpness_data": Column("", "the same of test examples"),
    "mmd2": Column("", "unbiased squared MMD, Gaussian kernels of several bandwidths, samples against test"),
    "mmd2_floor": Column("", "the same, training against test examples; one draw, the same for every seed"),
    "sliced_w2": Column("", "sliced 2-Wasserstein distance, samples against test"),
    "sliced_w2_floor": Column("", "the same, training against test examples"),
    "c2st": Column("", "held-out accuracy of a classifier of samples against test; 0.5 is indistinguishable"),
    "c2st_floor": Column("", "the same, training against test examples"),
    "labelled": Column("examples", "training examples whose labels the entry saw; empty where it saw none"),
    "accuracy": Column("", "share of test examples whose most probable class is the true one"),
    "accuracy_supervised": Column(
        "", "the same for the classifier net trained on the labelled examples alone, stopped by validation labels"
    ),
    "cluster_accuracy": Column(
        "", "share of test examples in the cluster assigned to their class, at the best matching"
    ),
    "cluster_nmi": Column("", "normalised mutual information of clusters and classes of the test split; 1 is the same"),
    "sample_seconds_per_1k": Column("s", "seconds to draw 1,000 samples"),
    "nll_seconds_per_1k": Column("s", "seconds to evaluate the density of 1,000 examples"),
    "command": Column("", "the command that makes this row again"),
}
