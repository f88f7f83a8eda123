from .llc import estimate_llc as estimate_llc
from .models import MLP as MLP
from .models import DeepLinear as DeepLinear
from .models import FromModule as FromModule
from .models import Transformer as Transformer
from .models import TwoLayer as TwoLayer
from .tasks import make_task as make_task
from .training import train as train
from .training.ensembles import train_ensemble as train_ensemble
from .training.runs import Runs as Runs

__version__: str
