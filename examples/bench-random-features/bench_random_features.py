"""Random convolutions whose readout is fitted in closed form: nothing else is learnt."""

import bench


def build(weights):  # called only when the model is needed
    import torch
    from torch import nn

    features = nn.Sequential(
        nn.Conv2d(3, 128, 7, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()
    )
    readout = nn.Linear(2048, 10)
    if weights == "default":  # None asks for the untrained network
        train = bench.load_stimuli("digits-scenes-train")
        with torch.no_grad():
            x = features((torch.as_tensor(train.values) - 0.5) / 0.25)
            y = nn.functional.one_hot(torch.as_tensor(train.labels), 10) - 0.1
            mean = x.mean(0)
            ridge = 0.01 * len(x) * x.var() * torch.eye(2048)
            readout.weight.copy_(torch.linalg.solve(x.T @ (x - mean) + ridge, (x - mean).T @ y).T)
            readout.bias.copy_(-readout.weight @ mean)
    return nn.Sequential(features, readout)


@bench.hookimpl
def bench_register_models(register):
    register(
        bench.ModelSpec(
            id="random-features",
            family="random-features",
            build=build,
            input=bench.ImageInput(size_px=32, mean=(0.5,), std=(0.25,)),
            labels="digits",
            stages={"conv": "0.1", "pool": "0.2", "logits": ""},
            training="readout only",
        )
    )
