return {version = 2}
