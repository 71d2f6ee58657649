"""What the keys of a run and their values are called elsewhere: in PyTorch, Keras, scikit-learn, MATLAB and textbooks.

One table for each family of names. Its first mapping goes from a name here to names of the same thing elsewhere; its
second from a sentence, on what to do instead, to names of what is not here or is said in another way. Hints are made of
them, and nothing else: a study uses the words of this project only.
"""

from __future__ import annotations

from runner.registry import Synonyms

KEYS = Synonyms(
    {
        "name": "study_name experiment_name run_name",
        "description": "desc comment comments note notes",
        "data": "dataset datasets train_data training_data training_set problem task",
        "scaling": (
            "scale scaler input_scaling feature_scaling normalize normalise normalization normalisation standardize "
            "standardise standardization preprocess preprocessing transform"
        ),
        "missing": "missing_values missing_policy nan nans na nan_policy dropna",
        "target_encoding": "one_hot one_hot_encoding encoding encode to_categorical label_encoding",
        "target_range": "output_range targets_range",
        "test": (
            "validation validation_split validation_fraction validation_data val_split val_size val_fraction test_size "
            "test_split train_size train_test_split cv k_fold folds held_out hold_out test_data test_set"
        ),
        "fold": "fold_number fold_index",
        "split_seed": "split_random_state division_seed fold_seed",
        "label_noise": "flip_labels noisy_labels flip_y noise_rate label_flip target_noise",
        "shortcuts": "shortcut skips skip_connections skip_connection direct_connections cascade",
        "activation": (
            "activations activation_function act act_fn hidden_activation hidden_function nonlinearity "
            "transfer_function transfer_fcn"
        ),
        "output": "output_activation output_function out_activation final_activation last_activation",
        "gain": "steepness sigmoid_gain activation_gain",
        "dropout": "dropout_rate drop_rate dropout_prob drop_prob p_drop",
        "bias": "use_bias biases with_bias fit_intercept intercept",
        "init": (
            "initializer initialization initialisation weight_init weights_init init_weights initial_weights "
            "weight_initializer weight_initialization weights_initializer kernel_initializer kernel_init w_init"
        ),
        "bias_init": "bias_initializer bias_initialization biases_init biases_initializer init_bias initial_bias",
        "loss": "loss_function objective objective_function cost cost_function error_function loss_type",
        "label_smoothing": "smoothing smooth_labels label_smooth",
        "class_weights": "class_weight pos_weight loss_weight loss_weights",
        "rule": "learning_rule",
        "undecided_band": "undecided dead_zone perceptron_threshold",
        "scoring": "score forty_twenty_forty 40_20_40 threshold_and_margin margin",
        "criterion_from": "running_loss running online_error training_error tss",
        "criterion_window": "moving_average running_mean averaged_over window average_last",
        "faults": "bug bugs defect defects mistake mistakes",
        "optimizer": (
            "optim optimisation optimization solver algorithm method trainer train_fcn training_function "
            "training_algorithm"
        ),
        "momentum": "momentum_coefficient momentum_factor",
        "momentum, damping": "mu",
        "damping_decrease": "mu_dec",
        "damping_increase": "mu_inc",
        "damping_max": "mu_max",
        "history": "history_size maxcor memory",
        "eta_minus, eta_plus": "etas",
        "step_min, step_max": "step_sizes",
        "alpha": "rho",
        "beta1, beta2": "betas",
        "epsilon": "eps",
        "learning_rate": (
            "lr lrate eta eta0 step_size learning_rate_init initial_learning_rate init_lr initial_lr initial_eta "
            "base_lr lr0 learn_rate rate"
        ),
        "learning_rate_schedule": (
            "decay schedule scheduler lr_schedule lr_scheduler rate_schedule learning_rate_decay step_lr gamma power_t "
            "warmup warmup_steps annealing"
        ),
        "momentum_schedule": "momentum_scheduler momentum_annealing momentum_schedules",
        "bias_learning_rate": "bias_lr lr_bias bias_rate",
        "weight_decay": (
            "l2 l2_penalty l2_reg l2_regularization l2_lambda lambda reg reg_lambda regularization regularizer "
            "kernel_regularizer penalty ridge wd"
        ),
        "l1": "l1_penalty l1_reg l1_regularization l1_lambda lasso",
        "clip_value": "clip_grad_value grad_clip_value",
        "clip_norm": "clip grad_clip gradient_clip gradient_clipping clip_grad_norm max_grad_norm max_norm",
        "batch": "batch_size bs minibatch minibatch_size samples_per_update",
        "input_noise": "noise gaussian_noise jitter noise_std noise_stddev augmentation",
        "epochs": "n_epochs num_epochs max_epochs nb_epoch nb_epochs number_of_epochs epoch_count max_iter",
        "updates": "n_updates num_updates max_updates gradient_steps training_steps global_steps",
        "samples": "presentations pattern_presentations samples_seen max_samples examples_seen",
        "epochs, updates": (
            "iter iters iterations n_iter n_iters n_iterations num_iter num_iterations max_iters max_iterations steps "
            "n_steps num_steps max_steps budget"
        ),
        "evaluate_every": (
            "eval_every eval_interval evaluation_interval eval_steps eval_freq log_every log_interval print_every "
            "report_every"
        ),
        "stop": "stop_when stop_at stopping",
        "precision": "dtype floatx float_type data_type default_dtype",
        "seed": "random_state random_seed rng rng_seed manual_seed np_seed",
        "seeds": "random_states random_seeds seed_list",
        "replicates": (
            "repeat repeats n_repeats num_repeats repetitions n_repetitions replications n_replicates trials n_trials "
            "num_trials runs n_runs num_runs n_seeds num_seeds reps n_restarts n_init"
        ),
        "sweep": (
            "param_grid parameter_grid params parameters hyperparameters hyperparams search_space grid_search axes vary"
        ),
        "record": "save keep",
        "claims": "assert assertions expectations",
    },
    {
        "the sizes of all layers stand in 'architecture', from the inputs to the outputs: 2-4-1": (
            "hidden n_hidden num_hidden nr_hidden hidden_size hidden_sizes hidden_units n_hidden_units "
            "num_hidden_units hidden_layer hidden_layers n_hidden_layers num_hidden_layers hidden_layer_size "
            "hidden_layer_sizes hidden_neurons hidden_nodes layer layers n_layers num_layers layer_sizes layer_dims "
            "sizes dims shape units n_units num_units neurons n_neurons nodes width widths depth topology network net "
            "model structure input_layer input_size input_dim n_inputs output_layer output_size output_dim n_outputs "
            "in_features out_features"
        ),
        "inputs and targets are given by 'data': a name, or {csv: FILE, inputs: [...], targets: [...]}": (
            "input inputs target targets csv file path filename x y x_train y_train train_x train_y features labels"
        ),
        "it is an optimizer: 'optimizer: nesterov'": "nesterov use_nesterov nesterovs_momentum",
        "it is said by 'order: shuffled', and matters where 'batch' is not full": "shuffle shuffling",
        "'criterion' says when a run has converged, as in {max_error: 0.1}, and 'stop: converged' ends it there": (
            "tol tolerance goal target_error target_loss error_goal min_delta threshold"
        ),
        "'stop: patience(20)' ends a run after 20 evaluations without a smaller loss on the samples of 'test'": (
            "early_stopping early_stop patience n_iter_no_change callback callbacks"
        ),
        "not supported: use 'scaling' instead, because only inputs are normalised": (
            "batch_norm batch_normalization layer_norm layer_normalization"
        ),
        "use 'l1' and 'weight_decay' together": "l1_ratio elastic_net l1_l2",
        "initial weights are given by 'init'; 'record: {weights: true}' keeps them and the final ones": "weights",
        "learning curves are kept by 'record: {curves: 50}'": "curves learning_curves loss_curve",
        "it belongs under 'sweep'": "grid zip sample when exclude include",
        "it is a flag of the command line: -j N": "n_jobs n_workers num_workers workers n_threads num_threads threads",
        "it is a flag of the command line: -q shows nothing but errors": "verbose quiet",
        "it is a flag of the command line: --out DIR": "out out_dir output_dir save_dir results_dir log_dir",
        "it is a flag of the command line: --device cuda": "device gpu cuda use_gpu accelerator",
    },
)
"""Keys of a run and of the study around it."""

SETTINGS_ELSEWHERE = Synonyms(
    other={
        "the alpha of scikit-learn, a penalty on weights, is 'weight_decay'": "alpha",
    },
)
"""Settings of an optimizer that another program has under the same name for something else."""

SWEEP = Synonyms(
    {
        "grid": "product cartesian combinations param_grid parameters params",
        "zip": "paired pairs together parallel",
        "sample": "random samples random_search distributions",
        "when": "if condition conditions conditional",
        "exclude": "except skip without forbidden",
        "include": "add also extra points",
    },
)
"""Parts of a sweep."""

SAMPLE = Synonyms(
    {
        "n": "count size n_samples n_points n_iter trials n_trials",
        "method": "type sampler sampling algorithm",
        "seed": "random_state random_seed",
        "space": "params parameters distributions search_space keys",
    },
)
"""Parts of a sample."""

METHODS = Synonyms(
    {
        "random": "uniform monte_carlo mc iid",
        "sobol": "qmc quasi_random",
        "lhs": "lhc latin latin_hypercube",
    },
    {
        "not supported: use 'sobol' instead, because it too fills the space evenly": "halton",
    },
)
"""Ways to draw a sample."""

DISTRIBUTIONS = Synonyms(
    {
        "uniform": "float real linspace",
        "loguniform": "log logspace geomspace reciprocal",
        "integers": "int randint quniform range",
        "choice": "categorical choices options values list",
    },
    {
        "not supported: use 'uniform' or 'loguniform' instead, because samples are drawn between two bounds": (
            "normal gaussian lognormal"
        ),
    },
)
"""Distributions of a sampled key."""

RANGES = Synonyms(
    {
        "linspace": "linear lin",
        "geomspace": "log logspace geometric geom",
        "arange": "range",
    },
    {
        "it is a distribution, which belongs under sample, in its space": "uniform loguniform integers choice",
    },
)
"""Ranges of numbers."""

MISSING = Synonyms(
    {
        "error": "raise fail",
        "drop": "dropna ignore skip omit remove delete",
        "keep": "nan pass propagate",
    },
    {
        "not supported: use 'drop' instead, because no numbers are made up": (
            "impute fill fillna mean median zero interpolate"
        ),
    },
)
"""What a missing number does."""

TARGET_ENCODING = Synonyms(
    {
        "one_hot": "true yes categorical to_categorical dummies get_dummies",
        "none": "false no label ordinal integer sparse",
    },
)
"""Encodings of the targets."""

SCHEDULES = Synonyms(
    {
        "constant": "none no false fixed constant_lr",
        "step": "step_lr step_decay staircase piecewise drop multi_step",
        "exponential": "exponential_lr exp exponential_decay decay",
        "inverse": "inverse_time inverse_time_decay invscaling time_based hyperbolic darken_moody",
        "search_converge": "search_then_converge stc",
        "cosine": "cosine_annealing cosine_annealing_lr cosine_decay cos annealing",
        "linear": "linear_lr linear_decay polynomial ramp",
        "warmup": "linear_warmup constant_with_warmup",
        "one_cycle": "one_cycle_lr cyclic cycle super_convergence",
        "cycle_momentum": "one_cycle_momentum",
        "plateau": "reduce_on_plateau reduce_lr_on_plateau adaptive",
        "test_plateau": "validation_plateau val_plateau",
    },
)
"""Schedules of the learning rate and the momentum."""

SCALINGS = Synonyms(
    {
        "none": "no false identity raw",
        "minmax": "min_max_scaler unit_range zero_one",
        "max": "max_abs max_abs_scaler",
        "standardize": "standard standard_scaler z_score mapstd",
        "minmax, standardize": "normalize normalise normalized normalization true",
        "divide": "rescale rescaling",
        "sigmoid": "logistic",
    },
    {
        "not supported: use 'standardize' instead, because none goes by medians and quartiles": "robust robust_scaler",
        "not supported: use 'minmax' instead, because none maps to -1 and 1, and this maps to 0 and 1": "mapminmax",
    },
)
"""Scalings of the inputs."""

DATASETS = Synonyms(
    {
        "xor": "exclusive_or eor",
        "xnor": "equivalence iff not_xor",
        "parity": "n_parity odd_parity",
        "boolean": "truth_table bool",
        "encoder": "autoencoder n_m_n",
        "gaussian": "random noise randn",
        "two_spirals": "spiral spirals twin_spirals intertwined_spirals",
        "iris": "load_iris fisher",
    },
    {
        "not built in: give a file, as {csv: FILE, inputs: [...], targets: [...]}": (
            "moons make_moons circles make_circles blobs make_blobs mnist digits load_digits wine load_wine "
            "breast_cancer load_breast_cancer diabetes boston titanic"
        ),
    },
)
"""Named data sets."""

ACTIVATIONS = Synonyms(
    {
        "sigmoid": "logistic logsig expit sigm logistic_sigmoid",
        "tanh": "tansig hyperbolic_tangent",
        "relu": "poslin rectifier rectified_linear rectified_linear_unit ramp",
        "leaky_relu": "lrelu leaky",
        "identity": "linear purelin lin none",
        "step": "heaviside hardlim binary_step threshold unit_step",
        "sign": "signum sgn hardlims bipolar bipolar_step",
        "silu": "swish",
        "hardtanh": "satlins",
        "sin": "sine siren",
        "gaussian": "radbas rbf",
        "cube": "cubic",
        "scaled_tanh": "lecun_tanh",
        "gelu, gelu_tanh": "gelu_new gelu_fast",
    },
    {
        "it couples the units of its layer and is for the output layer: 'output: softmax'": "softmax",
        "not supported: use 'output: softmax' with 'loss: cross_entropy', which takes the logarithm": "log_softmax",
        "not supported: use 'sigmoid' with 'loss: binary_cross_entropy', which takes the logarithm": "log_sigmoid",
        "not supported: use 'output: softmax' instead, because weights may have any sign": "softmin",
        "not supported: use 'elu' instead, which it is with its default of 1": "celu",
        "not supported: use 'silu' instead, because it is the smooth form": "hard_swish hard_silu",
        "not supported: use 'silu' instead, because a unit has one weighted sum, which is its own gate": "glu",
        "not supported: use 'leaky_relu' instead, because slopes below 0 are fixed": "prelu rrelu",
        "not supported: use 'sigmoid' instead, because it is the smooth form": "hard_sigmoid",
        "not supported: use 'softplus' instead, because it is close to exp(z) below 0 and does not overflow": (
            "exp exponential"
        ),
    },
)
"""Activations, of the hidden layers and of the outputs."""

BIAS = Synonyms(
    {
        "trained": "true yes on trainable learned",
        "none": "false no off without",
    },
)
"""What biases do."""

INITIALIZERS = Synonyms(
    {
        "uniform": "random_uniform rand",
        "normal": "random_normal randn gaussian",
        "uniform, normal": "random",
        "xavier_uniform": "glorot_uniform",
        "xavier_normal": "glorot_normal",
        "xavier_uniform, xavier_normal": "xavier glorot",
        "he_uniform": "kaiming_uniform",
        "he_normal": "kaiming_normal msra",
        "he_uniform, he_normal": "he kaiming",
        "lecun_uniform, lecun_normal": "lecun",
        "orthogonal": "ortho orthonormal",
        "lsuv": "layer_sequential_unit_variance unit_variance mishkin_matas data_dependent",
        "zeros": "zero",
        "constant": "const fill full",
        "constant(1)": "one ones",
        "truncated_normal": "trunc_normal",
        "torch_linear": "torch pytorch torch_default linear_default",
        "identity": "eye",
        "nguyen_widrow": "initnw nw",
    },
    {
        "not supported: use a case of it instead, such as 'xavier_uniform', 'he_normal' or 'lecun_normal'": (
            "variance_scaling"
        ),
    },
)
"""Initialisers of weights and biases."""

LOSSES = Synonyms(
    {
        "mse": "mean_squared_error mean_square_error l2",
        "half_mse": "quadratic quadratic_cost",
        "mse, half_mse": "squared_error square squared",
        "sse": "sum_squared_error sum_of_squares sum_of_squared_errors residual_sum_of_squares rss",
        "half_sse": "half_squared_error half_sum_squared_error half_sum_of_squares",
        "binary_cross_entropy": (
            "bce bce_with_logits bce_with_logits_loss binary_cross_entropy_with_logits sigmoid_cross_entropy "
            "sigmoid_cross_entropy_with_logits logistic"
        ),
        "cross_entropy": (
            "ce cce xent categorical_crossentropy sparse_categorical_crossentropy softmax_cross_entropy "
            "softmax_cross_entropy_with_logits multiclass_cross_entropy nll negative_log_likelihood"
        ),
        "binary_cross_entropy, cross_entropy": "log log_loss entropy",
        "mae": "l1 mean_absolute_error absolute_error abs",
        "hyperbolic": "arctanh atanh hyperbolic_arctangent",
        "multi_class_hinge": "multi_margin multi_margin_loss weston_watkins multiclass_svm svm",
    },
    {
        "not supported: use 'mse' instead, because it is least at the same weights": "rmse root_mean_squared_error",
        "not supported: use 'mae' instead, because errors are not divided by their targets": (
            "mape mean_absolute_percentage_error"
        ),
        "not supported: use 'multi_class_hinge' instead, which sums over the other classes and not the worst alone": (
            "categorical_hinge crammer_singer"
        ),
        "not supported: use 'hinge' or 'multi_class_hinge' instead, because a sample has one class": (
            "multi_label_margin hinge_embedding"
        ),
        "not supported: use 'cross_entropy' instead, because for given targets they differ by a constant": (
            "kl kld kl_div kl_divergence kullback_leibler"
        ),
        "not supported: use 'binary_cross_entropy' instead, because samples have no weights": "focal",
    },
)
"""Losses."""

RULES = Synonyms(
    {
        "backprop": "bp backpropagation gradient gradient_descent",
        "perceptron": "rosenblatt",
        "bipolar_perceptron": "fausett",
    },
    {
        "use 'backprop' with one layer of weights, 'output: identity' and 'loss: half_sse': it is this rule": (
            "delta delta_rule lms widrow_hoff adaline"
        ),
    },
)
"""Learning rules."""

OPTIMIZERS = Synonyms(
    {
        "sgd": "gd bgd gradient_descent stochastic_gradient_descent steepest_descent vanilla traingd backprop",
        "momentum": "sgdm sgd_momentum sgd_with_momentum heavy_ball classical_momentum traingdm",
        "nesterov": "nag nesterovs nesterov_momentum nesterov_accelerated_gradient sgd_nesterov",
        "rprop": "resilient resilient_propagation resilient_backprop resilient_backpropagation trainrp",
        "rmsprop": "rms",
        "adam": "adaptive_moments",
        "rprop_plus": "rprop_1993 rprop_with_backtracking",
        "rprop_minus": "rprop_without_backtracking",
        "irprop_minus": "irprop improved_rprop",
        "delta_bar_delta": "dbd delta_delta jacobs",
        "levenberg_marquardt": "lm trainlm levenberg marquardt gauss_newton",
        "scg": "trainscg scaled_conjugate_gradient scaled_conjugate_gradients cg conjugate_gradient",
        "lbfgs": "lbfgsb bfgs trainbfg",
    },
    {
        "not supported: use 'adam' instead, because it is the method that this one varies": (
            "amsgrad adabelief sparse_adam"
        ),
        "not supported: use 'sgd' instead, because weights are not averaged": "asgd averaged_sgd",
        "not supported: use 'levenberg_marquardt' or 'lbfgs' instead, because they come near it": "newton",
    },
)
"""Optimizers."""

BATCH = Synonyms(
    {
        "full": "all full_batch batch whole none",
    },
    {
        "write 1 for an update after every sample": "online stochastic single sample",
    },
)
"""Sizes of a batch."""

SHORTCUTS = Synonyms(
    {
        "all": "true yes full fully_connected cascade dense densely",
        "input_output": "direct input_to_output inputs_to_outputs in_out",
        "none": "false no off layered",
    },
)
"""Which layers see layers before the one below them."""

ORDER = Synonyms(
    {
        "shuffled": "true yes random permuted permutation random_permutation",
        "sequential": "false no none fixed in_order ordered cyclic",
        "with_replacement": "replacement replace bootstrap sampled iid",
    },
)
"""Orders of the samples."""

TEST = Synonyms(
    {
        "fraction": "test_size test_fraction validation_split validation_fraction share size ratio percent",
        "k_fold": "k folds kfolds n_splits n_folds cv cross_validation stratified_k_fold",
        "csv": "file filename path",
    },
)
"""Ways to hold samples out."""

CRITERIA = Synonyms(
    {
        "accuracy": "acc",
        "test_loss": "val_loss validation_loss",
        "test_accuracy": "val_acc val_accuracy validation_accuracy test_acc",
        "test_mse": "val_mse validation_mse",
        "max_error": "error maximum_error largest_error max_abs_error",
        "mse": "mean_squared_error",
        "grad_norm": "gradient gradient_norm gnorm grad",
    },
    {
        "what is minimised is the key 'loss'; a criterion says when a run has converged": (
            "mse_loss bce bce_loss nll_loss cross_entropy cross_entropy_loss binary_cross_entropy "
            "categorical_cross_entropy l1_loss"
        ),
    },
)
"""Measures that a criterion may bound, and what PyTorch calls a criterion."""

SCORING = Synonyms(
    {
        "40-20-40": "threshold_and_margin margin fahlman forty_twenty_forty",
        "none": "false no middle nearest 50-50",
    },
)
"""Which outputs count as right."""

CRITERION_FROM = Synonyms(
    {
        "training": "running running_loss online train true yes while_training",
        "none": "false no evaluation apart weights",
    },
)
"""What a criterion is about."""

STOP = Synonyms(
    {
        "converged": "criterion goal true",
        "patience": "early early_stopping",
        "gl": "generalization_loss",
        "pq": "progress_quotient",
        "up": "rising upward",
        "budget": "end never epochs updates none false",
    },
)
"""Where a run ends."""

PRECISION = Synonyms(
    {
        "float64": "double f64 fp64",
        "float32": "single f32 fp32",
        "float64, float32": "float",
    },
    {
        "not supported: use 'float32' instead, because it is the shortest": "half float16 f16 fp16 bfloat16 bf16",
    },
)
"""Precisions of the arithmetic."""

COLUMNS = Synonyms(
    {
        "accuracy": "acc",
        "max_error": "error maximum_error largest_error",
        "grad_norm": "gradient gradient_norm gnorm grad",
        "mse": "mean_squared_error",
        "epochs_to_converge": "convergence_epoch time_to_converge",
    },
)
"""Columns of the results."""

OUTCOMES = Synonyms(
    {
        "converged": "success successful solved ok",
        "stuck": "plateau local_minimum",
        "diverged": "nan inf exploded overflow",
        "saturated": "vanishing dead",
        "oscillating": "limit_cycle bouncing",
        "learning": "unfinished improving",
    },
)
"""Outcomes of a run."""

STATISTICS = Synonyms(
    {
        "rate": "share proportion fraction probability",
        "mean": "average avg",
        "quantile": "percentile",
        "std": "sd stdev stddev standard_deviation",
        "harmonic_mean": "hmean harmonic",
        "per_success": "epochs_per_success cost_per_success expected_epochs",
        "peak_efficiency": "efficiency",
        "best_limit": "optimal_limit restart_limit",
        "slope": "exponent scaling trend fit regression",
        "box_dimension": "fractal_dimension box_counting hausdorff_dimension",
    },
)
"""Statistics of a claim."""
