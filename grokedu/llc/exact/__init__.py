"""What is known without sampling: coefficients, free energies, and what an estimate tends to.

- :mod:`~grokedu.llc.exact.coefficients`: regular minima and deep linear networks;
- :mod:`~grokedu.llc.exact.normal_crossing`: products of powers, at every n;
- :mod:`~grokedu.llc.exact.quadratic`: quadratic losses, with the localisation and SGLD's step size;
- :mod:`~grokedu.llc.exact.free_energy`: the Gaussian case, and what a prior adds;
- :mod:`~grokedu.llc.exact.quadrature`: any loss of one to three weights;
- :mod:`~grokedu.llc.exact.known`: losses with a known coefficient, to try an estimator on.

>>> from grokedu.llc.exact.coefficients import regular_llc
>>> regular_llc(3).value
Fraction(3, 2)
"""
