"""What one training step costs: the operations of a minibatch's forward pass, backward pass and update, by layer.

Two ways to count. The *paper*'s is that of Lin, Courbariaux, Memisevic & Bengio (Neural Networks with Few
Multiplications, ICLR 2016), for whom multiplications count; additions, shifts and random numbers of the same products
stand beside them here. The *complete* one has every operation of a step as a machine would carry it out.
docs/training.md states both, operation by operation; memory traffic is in neither.
"""

from hwsim.training_cost.step import METHODS, TrainingCostError, accountings, count_training

__all__ = ["METHODS", "TrainingCostError", "accountings", "count_training"]
