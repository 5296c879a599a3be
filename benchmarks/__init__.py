"""Speed and memory, as whole processes, beside a baseline measured in the same run."""
