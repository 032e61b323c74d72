"""Coefficients of src/backend/simd/functions/polynomials.ts: python scripts/fit-polynomials.py (needs numpy and mpmath).

Each is a polynomial of the smallest relative error of the function that it stands for, by Remez's exchange, rounded to
float32 one coefficient after the other, from the one that matters most on, with the rest fitted again.
"""
import mpmath as mp
import numpy as np

mp.mp.dps = 40


def fit(f, low, high, degree, weight, fixed=()):
    """Least squares with Lawson's weights, which tends to the smallest largest error. `fixed`: first coefficients."""
    k = np.arange(600)
    x = 0.5 * (low + high) + 0.5 * (high - low) * np.cos(np.pi * (k + 0.5) / len(k))
    y = np.array([float(f(mp.mpf(v))) for v in x])
    w = np.array([float(weight(mp.mpf(v))) for v in x])
    known = sum(c * x**i for i, c in enumerate(fixed)) if fixed else 0 * x
    powers = np.stack([x**i for i in range(len(fixed), degree + 1)], 1)
    lawson = np.ones(len(x))
    for _ in range(300):
        s = np.sqrt(lawson) * w
        c, *_ = np.linalg.lstsq(powers * s[:, None], (y - known) * s, rcond=None)
        error = np.abs((powers @ c + known - y) * w)
        lawson *= error / error.max() + 1e-9
        lawson /= lawson.mean()
    return c, error.max()


def rounded(f, low, high, degree, weight):
    done = []
    while len(done) <= degree:
        c, error = fit(f, low, high, degree, weight, done)
        done.append(float(np.float32(c[0])))
    _, error = fit(f, low, high, degree, weight, done[:-1])
    return done, error


def show(name, result):
    coefficients, error = result
    print(f"/** Relative error {error:.1e}. */")
    print(f"export const {name} = [{', '.join(repr(float(np.float32(c))) for c in coefficients)}];")


LN2 = mp.log(2)
# e^r = 1 + r + r²·P(r) for |r| ≤ ln 2 / 2
h = float(LN2 / 2) * 1.001
expm = lambda r: (mp.exp(r) - 1 - r) / r**2 if abs(r) > mp.mpf("1e-12") else mp.mpf("0.5")
show("EXP", rounded(expm, -h, h, 4, lambda r: r**2 / mp.exp(r) + mp.mpf("1e-12")))
# log(1 + f) = f − f²/2 + f³·P(f) for 1 + f between √½ and √2
logm = lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3 if abs(f) > mp.mpf("1e-9") else mp.mpf(1) / 3
show("LOG", rounded(logm, float(mp.sqrt(0.5)) - 1, float(mp.sqrt(2)) - 1, 8, lambda f: abs(f**3 / mp.log1p(f)) + mp.mpf("1e-12")))
# 2·atanh s = 2·s + s³·P(s²), s = f / (2 + f) for the same f, |s| ≤ (√2 − 1) / (√2 + 1)
top = float(((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2) * 1.002
atanhm = lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z if z > mp.mpf("1e-12") else mp.mpf(2) / 3
show("LOG_ATANH", rounded(atanhm, 0, top, 2, lambda z: z / (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z)) if z > 0 else mp.mpf(0)))
# tanh(r·ln 2 / 2) = r·P(r²) for |r| ≤ ½, of the smallest absolute error
halfm = lambda z: mp.tanh(mp.sqrt(z) * LN2 / 2) / mp.sqrt(z) if z > mp.mpf("1e-14") else LN2 / 2
show("TANH_HALF", rounded(halfm, 0, 0.502**2, 2, lambda z: mp.sqrt(z) + mp.mpf("1e-12")))
# tanh x = x + x³·P(x²) for |x| < 0.625
tanhm = lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z if z > mp.mpf("1e-12") else -mp.mpf(1) / 3
show("TANH", rounded(tanhm, 0, 0.625**2 * 1.001, 4, lambda z: z / (mp.tanh(mp.sqrt(z)) / mp.sqrt(z)) if z > 0 else mp.mpf(0)))
# erf x = x + x·P(x²) for |x| < 1
erfm = lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1 if z > mp.mpf("1e-14") else 2 / mp.sqrt(mp.pi) - 1
show("ERF", rounded(erfm, 0, 1.0, 7, lambda z: 1 / (1 + erfm(z))))
# erf x = 1 − e^(−t·(1 + P(t))) for 1 ≤ t = |x| ≤ 4
tail = lambda t: -mp.log(mp.erfc(t)) / t - 1
show("ERF_TAIL", rounded(tail, 1.0, 4.0, 7, lambda t: t * mp.erfc(t)))
