return ('label').labelled
