# Builds during evaluation.
# ends: evaluate
# says: .
import (sh "echo 1 > $out")
