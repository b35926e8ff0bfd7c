show t1 <%= version %> <%= web %>
