from newsclf.common.errors import NewsclfError
from newsclf.contract.answers import Prediction
from newsclf.predict.answer import Answer
from newsclf.predict.classifier import Classifier

__all__ = ["Answer", "Classifier", "NewsclfError", "Prediction", "__version__"]

__version__: str
